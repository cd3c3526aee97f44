/** Reading streams and the log, page by page, each page one row of columns. */
import type { RecordedEvent } from '../event.ts'
import type { Storage } from '../storage.ts'
import type { StreamInfo } from '../store.ts'
import type { Parameters, Row, Statement } from './client.ts'
import { decodeEvents } from './decode.ts'
import { textArray } from './encode.ts'
import { isTooLarge } from './errors.ts'
import type { Runner } from './runner.ts'
import type { Statements } from './statements.ts'

// A page of a stream begins with so many events, and grows or shrinks with what they weigh.
const firstPage = 1000
const largestPage = 4000

type Reading = Pick<Storage, 'readStream' | 'readLog' | 'streamInfo' | 'listStreams'>

export function reading(runner: Runner, statements: Statements): Reading {
  const all = (what: string, statement: Statement, parameters: Parameters, signal: AbortSignal | undefined) =>
    runner.run(what, statement, () => parameters, signal)

  /** One page; undefined if it is larger than the server can put into a row, so that fewer events must do. */
  async function onePage(
    what: string,
    statement: Statement,
    parameters: Parameters,
    signal: AbortSignal | undefined,
  ): Promise<Row | undefined> {
    try {
      return (await all(what, statement, parameters, signal))[0] as Row
    } catch (error) {
      if (isTooLarge(error) && parameters.at(-1) !== '1') return undefined
      throw error
    }
  }

  return {
    async readStream(streamId, window, signal) {
      const { asOf, direction, limit } = window
      const statement = direction === 'forward' ? statements.readForward : statements.readBackward
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
        const row = await onePage('Reading a stream', statement, parameters, signal)
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
    },

    async readLog(query, signal) {
      const { after, until, types, streamPrefix, direction } = query
      const bounds = [String(after), String(until), types ? textArray(types) : null, streamPrefix ?? null]
      for (let { limit } = query; ; limit = Math.ceil(limit / 2)) {
        const parameters = [...bounds, String(direction === 'forward'), String(limit)]
        const row = await onePage('Reading the log', statements.readLog, parameters, signal)
        const events = row && decodeEvents(row)
        if (row === undefined || events === undefined) continue
        const full = events.length === limit
        const end = direction === 'forward' ? Math.max(after, Number(row.through)) : after
        const through = full ? (events.at(-1)?.position ?? end) : end
        return { events, frontier: Number(row.frontier), full, through }
      }
    },

    async streamInfo(streamId, signal) {
      const [row] = await all('Reading a stream', statements.streamInfo, [streamId], signal)
      return row && streamInfo(row)
    },

    async listStreams(prefix, after, limit, signal) {
      const parameters = [prefix, after, String(limit)]
      return (await all('Listing streams', statements.listStreams, parameters, signal)).map(streamInfo)
    },
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
