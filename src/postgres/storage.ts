/** Postgres as a storage: which statement does what. */
import type { RecordedEvent } from '../event.ts'
import type {
  AppendOutcome,
  CreateOutcome,
  ImportOutcome,
  LogPage,
  LogQuery,
  PreparedAppend,
  PreparedImport,
  Storage,
  StreamWindow,
  Written,
} from '../storage.ts'
import type { StreamInfo, StreamSlice } from '../store.ts'
import { appendAnswer, appendParameters, importAnswer, importParameters, settle } from './append.ts'
import type { Parameters, Row, Statement } from './client.ts'
import { decodeEvents } from './decode.ts'
import { plainArray, textArray } from './encode.ts'
import { isEventIdTaken, isTooLarge } from './errors.ts'
import type { Runner } from './runner.ts'
import type { Statements } from './statements.ts'

// A page of a stream begins with so many events, and grows or shrinks with what they weigh.
const firstPage = 1000
const largestPage = 4000

export class PostgresStorage implements Storage {
  readonly #runner: Runner
  readonly #statements: Statements

  constructor(runner: Runner, statements: Statements) {
    this.#runner = runner
    this.#statements = statements
  }

  async createStream(
    streamId: string,
    metadata: string,
    creationId: string,
    signal?: AbortSignal,
  ): Promise<CreateOutcome> {
    const parameters = [streamId, metadata === '{}' ? null : metadata, creationId]
    const row = await this.#one('Creating a stream', this.#statements.createStream, parameters, signal)
    if (row.created !== 'true') return { kind: 'exists', version: Number(row.version) }
    const stream: StreamInfo = {
      streamId,
      version: 0,
      createdAt: new Date(Number(row.created_at)),
      lastRecordedAt: undefined,
      metadata: JSON.parse(metadata),
    }
    return { kind: 'created', stream }
  }

  async append(appends: readonly PreparedAppend[], signal?: AbortSignal): Promise<readonly AppendOutcome[]> {
    const row = await this.#write(
      'Appending',
      this.#statements.append,
      (retried) => appendParameters(appends, retried),
      signal,
    )
    const answer = appendAnswer(appends, row)
    const checkedOnly = appends.filter(({ events }) => events.length === 0)
    if (answer !== 'repeated' && checkedOnly.length === 0) return answer

    const heads = new Map<string, Written>()
    for (const { streamId } of checkedOnly) heads.set(streamId, await this.#head(streamId, signal))
    if (answer === 'repeated') {
      const ids = plainArray(appends.flatMap(({ events }) => events.map(({ id }) => id)))
      return settle(
        appends,
        await this.#all('Finding events', this.#statements.findEvents, [ids], signal),
        heads,
      )
    }
    return answer.map((outcome, index) => {
      const append = appends[index] as PreparedAppend
      const isCheck = append.events.length === 0 && outcome.kind === 'appended'
      return isCheck ? (heads.get(append.streamId) as Written) : outcome
    })
  }

  /** Calls a function that writes; once more if an id was taken meanwhile, so that it looks whether by a repeat. */
  async #write(
    what: string,
    statement: Statement,
    parameters: (retried: boolean) => Parameters,
    signal: AbortSignal | undefined,
  ): Promise<Row> {
    try {
      return (await this.#runner.run(what, statement, parameters, signal))[0] as Row
    } catch (error) {
      if (!isEventIdTaken(error)) throw error
      return (await this.#runner.run(what, statement, () => parameters(true), signal))[0] as Row
    }
  }

  async #head(streamId: string, signal: AbortSignal | undefined): Promise<Written> {
    const window = { fromVersion: 1, toVersion: Number.MAX_SAFE_INTEGER, asOf: undefined, limit: 1 }
    const { version, events } = await this.readStream(streamId, { ...window, direction: 'backward' }, signal)
    const emptyAt = events[0]?.position ?? 0
    return { kind: 'appended', version, positions: [], recordedAt: undefined, emptyAt }
  }

  async readStream(streamId: string, window: StreamWindow, signal?: AbortSignal): Promise<StreamSlice> {
    const { asOf, direction, limit } = window
    const statement = direction === 'forward' ? this.#statements.readForward : this.#statements.readBackward
    const events: RecordedEvent[] = []
    let { fromVersion, toVersion } = window
    let version: number | undefined
    let pageSize = firstPage
    for (;;) {
      const most = Math.min(pageSize, limit - events.length)
      const parameters = [
        streamId,
        String(fromVersion),
        String(toVersion),
        asOf?.toISOString() ?? null,
        String(most),
      ]
      const row = await this.#page('Reading a stream', statement, parameters, signal)
      const page = row && decodeEvents(row)
      if (row === undefined || page === undefined) {
        pageSize = Math.ceil(most / 2)
        continue
      }
      const exists = row.stream_version !== null
      version ??= Number(row.stream_version)
      events.push(...page)
      const last = page.at(-1)
      if (last === undefined || page.length < most || events.length === limit) {
        return { streamId, version, exists, events }
      }
      // Later pages keep to the version of the first: the slice is the stream at one moment.
      if (direction === 'forward') {
        fromVersion = last.version + 1
        toVersion = Math.min(toVersion, version)
      } else {
        toVersion = last.version - 1
      }
      if (fromVersion > toVersion) return { streamId, version, exists, events }
      pageSize = Math.min(most * 2, largestPage)
    }
  }

  async readLog(query: LogQuery, signal?: AbortSignal): Promise<LogPage> {
    const { after, until, types, streamPrefix, direction } = query
    const bounds = [String(after), String(until), types ? textArray(types) : null, streamPrefix ?? null]
    for (let { limit } = query; ; limit = Math.ceil(limit / 2)) {
      const parameters = [...bounds, String(direction === 'forward'), String(limit)]
      const row = await this.#page('Reading the log', this.#statements.readLog, parameters, signal)
      const events = row && decodeEvents(row)
      if (row === undefined || events === undefined) continue
      const full = events.length === limit
      const end = direction === 'forward' ? Math.max(after, Number(row.through)) : after
      const through = full ? (events.at(-1)?.position ?? end) : end
      return { events, frontier: Number(row.frontier), full, through }
    }
  }

  async streamInfo(streamId: string, signal?: AbortSignal): Promise<StreamInfo | undefined> {
    const [row] = await this.#all('Reading a stream', this.#statements.streamInfo, [streamId], signal)
    return row && streamInfo(row)
  }

  async listStreams(
    prefix: string,
    after: string,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly StreamInfo[]> {
    const parameters = [prefix, after, String(limit)]
    const rows = await this.#all('Listing streams', this.#statements.listStreams, parameters, signal)
    return rows.map(streamInfo)
  }

  async importBatch(
    events: readonly PreparedImport[],
    clampTimes: boolean,
    signal?: AbortSignal,
  ): Promise<ImportOutcome> {
    const parameters = importParameters(events, clampTimes)
    return importAnswer(await this.#write('Importing', this.#statements.import, () => parameters, signal))
  }

  close(): Promise<void> {
    return this.#runner.close()
  }

  #all(what: string, statement: Statement, parameters: Parameters, signal: AbortSignal | undefined) {
    return this.#runner.run(what, statement, () => parameters, signal)
  }

  async #one(what: string, statement: Statement, parameters: Parameters, signal: AbortSignal | undefined) {
    return (await this.#all(what, statement, parameters, signal))[0] as Row
  }

  /** One page; undefined if it is larger than the server can put into a row, so that fewer events must do. */
  async #page(what: string, statement: Statement, parameters: Parameters, signal: AbortSignal | undefined) {
    try {
      return await this.#one(what, statement, parameters, signal)
    } catch (error) {
      if (isTooLarge(error) && parameters.at(-1) !== '1') return undefined
      throw error
    }
  }
}

function streamInfo(row: Row): StreamInfo {
  return {
    streamId: JSON.parse(String(row.stream_id)),
    version: Number(row.version),
    createdAt: new Date(Number(row.created_at)),
    lastRecordedAt: row.last_recorded_at === null ? undefined : new Date(Number(row.last_recorded_at)),
    metadata: row.metadata === null ? {} : JSON.parse(String(row.metadata)),
  }
}
