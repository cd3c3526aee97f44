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
    const names = this.#names
    const rows = await this.#readRows(runRead, query, names.areProbablyKnown ? false : null)
    const streamIds = await this.#streamIds(runRead, rows, names)
    if (streamIds !== undefined) return logPage(query, rows, streamIds)
    const named = await this.#readRows(runRead, query, true)
    return logPage(query, named, (await this.#streamIds(runRead, named, names)) ?? [])
  }

  /**
   * Forgets all names after a failure, unless the caller has aborted the read. With `synchronous_commit` off, a server
   * that has crashed may have lost its last commits, and assigns their keys again. A read that began before the failure
   * still adds to the old names, which no later read uses.
   */
  #forgettingAfterFailure(run: RunRead, signal: AbortSignal | undefined): RunRead {
    const forget = () => {
      this.#names = new StreamNames('', maxNames)
    }
    return async (what, statement, parameters) => {
      try {
        return await run(what, statement, (retried) => {
          if (retried) forget()
          return parameters(retried)
        })
      } catch (error) {
        if (!signal?.aborted) forget()
        throw error
      }
    }
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
   * Returns the stream ids of each row's events. Asks for missing names in one statement. Returns undefined if the
   * origin of that answer differs: another server has answered, or the table was replaced meanwhile.
   */
  async #streamIds(
    run: RunRead,
    rows: readonly Row[],
    names: StreamNames,
  ): Promise<readonly (readonly string[])[] | undefined> {
    const end = rows.at(-1) as Row
    const known = names.origin === end.origin ? names : this.#renew(names, String(end.origin))
    // While this reader waits, another may replace names in the shared memory. So this reader keeps the ids it found.
    const added = new Map<number, string>()
    const missing = new Set<number>()
    const eventRows = rows.slice(0, -1).map((row) => {
      if (row.names !== null) addNames(row.names, added)
      const keys = jsonOf<number[]>(row.stream_keys)
      const ids = keys.map((key) => known.get(key))
      for (const [index, id] of ids.entries()) if (id === undefined) missing.add(keys[index] as number)
      return { keys, ids, row }
    })
    if (eventRows.length > 0) known.notePage(missing.size === 0)
    if (missing.size > 0) {
      if (eventRows[0]?.row.names === null) {
        const parameters = [plainArray([...missing])]
        const [answer] = await run('Reading the log', this.#statements.streamNames, () => parameters)
        if (answer?.origin !== end.origin) return undefined
        addNames(answer?.names, added)
      }
      for (const { keys, ids } of eventRows) {
        for (const [index, id] of ids.entries()) ids[index] = id ?? added.get(keys[index] as number)
      }
    }
    for (const [key, name] of added) known.set(key, name)
    return eventRows.map(({ ids, row }) => {
      if (!ids.includes(undefined)) return ids as string[]
      throw streamMissing(jsonOf<number[]>(row.positions)[ids.indexOf(undefined)])
    })
  }

  /** Replaces the names if no other reader has done so. */
  #renew(names: StreamNames, origin: string): StreamNames {
    const renewed = new StreamNames(origin, maxNames)
    if (this.#names === names) this.#names = renewed
    return renewed
  }
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

/**
 * Makes a page from its rows. The last row has no events: it says where the page ends in the log. The page decodes its
 * events on first access, so that a reader can first request the next page and keep the server busy.
 */
function logPage(
  { after, direction }: LogQuery,
  rows: readonly Row[],
  streamIds: readonly (readonly string[])[],
): LogPage {
  const { frontier, through, head, server, is_full: isFull } = rows.at(-1) as Row
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
    through: direction === 'forward' || full ? Math.max(after, Number(through)) : after,
  }
}
