/**
 * Reads the log, page by page. A page is a few rows, and each row holds many events as columns. The events refer to
 * their streams by keys, whose names the client remembers.
 */
import { type LogPage, type LogQuery, type RecordedEvent, SchemaMismatchError } from '../storage/index.ts'
import type { Parameters, Row, Statement } from './client.ts'
import { decodeEvents, jsonOf } from './decode.ts'
import { plainArray, textArray } from './encode.ts'
import { isTooLarge } from './errors.ts'
import type { Statements } from './statements.ts'
import { StreamNames } from './stream-names.ts'
import { maxEventsPerRow } from './stream-slice.ts'

// With ids of 50 characters, the names take about 6 MB. A page takes a third longer if most of its names are missing.
const maxNames = 50_000

// The largest number that `log_page` accepts as its limit. Its other limits end a page much earlier.
const maxEventsPerPage = 2 ** 31 - 1

// About how many bytes an event takes without its data, metadata and tags.
const bytesOfFacts = 200

/**
 * Runs a statement, in a given session or in a free one. `parameters`: called at each attempt. `retried`: an earlier
 * attempt has failed.
 */
export type RunRead = (
  what: string,
  statement: Statement,
  parameters: (retried: boolean) => Parameters,
) => Promise<readonly Row[]>

/** The log of a store. All its readers share the names of the streams. */
export class Log {
  readonly #statements: Statements
  #names = new StreamNames('', maxNames)
  /** How many times the store has forgotten all names. */
  #forgets = 0

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /**
   * Reads a page. Must not run in a transaction that has appended: near the head, the page would contain uncommitted
   * events, and all readers share the names of their streams.
   * @throws SchemaMismatchError if the stream of an event is missing
   */
  async readPage(run: RunRead, query: LogQuery, signal?: AbortSignal): Promise<LogPage> {
    const runRead = this.#forgettingAfterFailure(run, signal)
    const forgets = this.#forgets
    const rows = await this.#readRows(runRead, query, this.#names.areProbablyKnown ? false : null)
    if (rows[0]?.names !== null) return logPage(query, rows, this.#idsInRows(rows, forgets))
    const streamIds = await this.#idsByKey(runRead, rows, forgets)
    if (streamIds !== undefined) return logPage(query, rows, streamIds)
    const present = this.#forgets
    const named = await this.#readRows(runRead, query, true)
    return logPage(query, named, this.#idsInRows(named, present))
  }

  /**
   * Forgets all names after a failure, unless the caller has aborted the read. With `synchronous_commit` off, a server
   * that has crashed may have lost its last commits, and assigns their keys again.
   */
  #forgettingAfterFailure(run: RunRead, signal: AbortSignal | undefined): RunRead {
    return async (what, statement, parameters) => {
      try {
        return await run(what, statement, (retried) => {
          if (retried) this.#forget()
          return parameters(retried)
        })
      } catch (error) {
        if (!signal?.aborted && !isTooLarge(error)) this.#forget()
        throw error
      }
    }
  }

  #forget(): void {
    this.#forgets++
    this.#names = new StreamNames('', maxNames)
  }

  /** Reads the rows of a page. `named`: with the names of all streams; null: only if the page is short. */
  async #readRows(run: RunRead, query: LogQuery, named: boolean | null): Promise<readonly Row[]> {
    const { after, until, types, streamPrefix, tags, partition, direction, limit } = query
    const bounds = [String(after), String(until), types ? textArray(types) : null, streamPrefix ?? null]
    const filter = [
      tags ? textArray(tags) : null,
      partition ? String(partition.index) : null,
      partition ? String(partition.count) : null,
    ]
    const most = [String(direction === 'forward'), String(Math.min(limit, maxEventsPerPage))]
    for (let rowSize = maxEventsPerRow; ; rowSize = Math.ceil(rowSize / 4)) {
      const parameters = [
        ...bounds,
        ...filter,
        ...most,
        String(rowSize),
        named === null ? null : String(named),
      ]
      try {
        return await run('Reading the log', this.#statements.readLog, () => parameters)
      } catch (error) {
        if (!isTooLarge(error) || rowSize === 1) throw error
      }
    }
  }

  /**
   * Returns the stream ids of each row's events from the names that the rows have. One statement has read both, so they
   * belong together, also if another server answers by now. Remembers them unless a read has failed meanwhile.
   */
  #idsInRows(rows: readonly Row[], forgets: number): readonly (readonly string[])[] {
    const end = rows.at(-1) as Row
    const found = new Map<number, string>()
    for (const { names } of rows.slice(0, -1)) addNames(names, found)
    if (this.#forgets === forgets && found.size > 0) {
      const known = this.#namesOf(String(end.origin))
      known.notePage([...found.keys()].every((key) => known.get(key) !== undefined))
      // A name that differs shows that the tables were changed by hand: no other name is sure then.
      const differs = [...found].some(([key, name]) => (known.get(key) ?? name) !== name)
      if (differs) this.#forget()
      else for (const [key, name] of found) known.set(key, name)
    }
    return rows.slice(0, -1).map((row) => idsOf(row, (key) => found.get(key)))
  }

  /**
   * Returns the stream ids of each row's events from the names that the store remembers, and asks for missing names in
   * one statement. Returns undefined if the remembered names may not belong to the page: a read has failed since it
   * began, another server has answered the second statement, or the table was replaced meanwhile.
   */
  async #idsByKey(
    run: RunRead,
    rows: readonly Row[],
    forgets: number,
  ): Promise<readonly (readonly string[])[] | undefined> {
    if (this.#forgets !== forgets) return undefined
    const end = rows.at(-1) as Row
    const known = this.#namesOf(String(end.origin))
    // While this reader waits, another may replace names in the shared memory. So this reader keeps the ids it found.
    const found = new Map<number, string | undefined>()
    for (const row of rows.slice(0, -1)) {
      for (const key of jsonOf<number[]>(row.stream_keys)) found.set(key, known.get(key))
    }
    const missing = [...found.keys()].filter((key) => found.get(key) === undefined)
    if (found.size > 0) known.notePage(missing.length === 0)
    if (missing.length > 0) {
      const [answer] = await run('Reading the log', this.#statements.streamNames, () => [plainArray(missing)])
      if (answer?.origin !== end.origin || this.#forgets !== forgets) return undefined
      const added = new Map<number, string>()
      addNames(answer?.names, added)
      for (const [key, name] of added) {
        found.set(key, name)
        known.set(key, name)
      }
    }
    return rows.slice(0, -1).map((row) => idsOf(row, (key) => found.get(key)))
  }

  /** Returns the names of this origin. Forgets those of another one. */
  #namesOf(origin: string): StreamNames {
    if (this.#names.origin !== origin) this.#names = new StreamNames(origin, maxNames)
    return this.#names
  }
}

/** Returns the stream ids of a row's events. @throws SchemaMismatchError if one is missing */
function idsOf(row: Row, nameOf: (key: number) => string | undefined): readonly string[] {
  const ids = jsonOf<number[]>(row.stream_keys).map(nameOf)
  if (!ids.includes(undefined)) return ids as string[]
  throw streamMissing(jsonOf<number[]>(row.positions)[ids.indexOf(undefined)])
}

/** Adds the names of an answer, as `stream_names.sql` returns them. */
function addNames(answer: unknown, names: Map<number, string>): void {
  const [keys, ids] = jsonOf<[number[] | null, string[]]>(answer)
  for (const [index, key] of (keys ?? []).entries()) names.set(key, ids[index] as string)
}

function streamMissing(position: number | undefined): SchemaMismatchError {
  return new SchemaMismatchError(
    `The event at position ${position} belongs to a stream that the table streams lacks: the tables were copied without it, restored to different times, or changed by hand. Put the missing rows of streams back, with their stream_key`,
  )
}

/** About how many bytes the events of a row take. A page has its columns as text, so that nothing is decoded here. */
function bytesOf({ event_count: count, data, metadata, tags }: Row): number {
  const texts = [data, metadata, tags].map((text) => (typeof text === 'string' ? text.length : 0))
  return texts.reduce((sum, length) => sum + length, Number(count) * bytesOfFacts)
}

/**
 * Makes a page from its rows. The last row has no events: it says where the page ends in the log. The page decodes its
 * events on first access, so that a reader can first request the next page and keep the server busy.
 */
function logPage(
  { after, direction }: LogQuery,
  rows: readonly Row[],
  streamIds: readonly (readonly string[])[],
): LogPage {
  const { frontier, through, head, server, is_full: isFull, read_at: readAt } = rows.at(-1) as Row
  const full = isFull === 'true'
  let events: readonly RecordedEvent[] | undefined
  return {
    get events() {
      events ??= streamIds.flatMap((ids, index) => decodeEvents(rows[index] as Row, ids) ?? [])
      return events
    },
    frontier: Number(frontier),
    head: Number(head),
    server: String(server),
    full,
    readAt: new Date(Number(readAt)),
    bytes: rows.reduce((sum, row) => sum + bytesOf(row), 0),
    through: direction === 'forward' || full ? Math.max(after, Number(through)) : after,
  }
}
