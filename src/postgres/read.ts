/** Reads streams, page by page. A page is a few rows, and each row holds many events as columns. */

import { eventAt, GroupRead, type Storage, type StreamInfo } from '../storage/index.ts'
import type { Parameters, Row, Statement } from './client.ts'
import { recordedId } from './decode.ts'
import { plainArray, textArray } from './encode.ts'
import { isTooLarge } from './errors.ts'
import type { Log } from './log.ts'
import type { Runner } from './runner.ts'
import type { Statements } from './statements.ts'
import { maxEventsPerRow, type PageRequest, PartialSlice } from './stream-slice.ts'

type Reads = Pick<
  Storage,
  'readStream' | 'findEvent' | 'readLogPage' | 'streamInfo' | 'listStreams' | 'largestStreams'
>

// A statement with this many reads takes the server about a millisecond if the streams are short. Twice as many
// concurrent callers then keep both the server and the client busy.
const maxReadsTogether = 16

/**
 * Makes the reads of the storage. `maxBatch`: maximum number of stream reads that share a statement. `pendingReads`
 * returns how many reads of streams wait or run.
 */
export function reads(
  runner: Runner,
  statements: Statements,
  log: Log,
  maxBatch: number,
): Reads & { readonly pendingReads: () => number } {
  const run = (what: string, statement: Statement, parameters: Parameters, signal: AbortSignal | undefined) =>
    runner.run(what, statement, () => parameters, signal)

  async function readPage(slice: PartialSlice, signal?: AbortSignal): Promise<void> {
    const request = slice.nextPage()
    const parameters = [
      request.streamId,
      String(request.fromVersion),
      String(request.toVersion),
      request.asOf?.toISOString() ?? null,
      String(request.maxEvents),
      String(request.isBackward),
      String(request.rowSize),
    ]
    try {
      slice.add(request, await run('Reading a stream', statements.readStream, parameters, signal))
    } catch (error) {
      if (!isTooLarge(error) || !slice.canShrinkRows) throw error
      slice.shrinkRows()
    }
  }

  /** Reads the first pages of many slices in one statement. Each page is one row. */
  async function readPages(slices: readonly PartialSlice[]): Promise<void> {
    const requests = slices.map((slice) => slice.nextPage(maxEventsPerRow))
    const parameters = [
      textArray(requests.map(({ streamId }) => streamId)),
      plainArray(requests.map(({ fromVersion }) => fromVersion)),
      plainArray(requests.map(({ toVersion }) => toVersion)),
      plainArray(requests.map(({ asOf }) => asOf?.toISOString() ?? null)),
      plainArray(requests.map(({ maxEvents }) => maxEvents)),
      plainArray(requests.map(({ isBackward }) => String(isBackward))),
    ]
    const rows = await run('Reading streams', statements.readStreams, parameters, undefined)
    for (const row of rows) {
      const index = Number(row.place) - 1
      slices[index]?.add(requests[index] as PageRequest, [row])
    }
  }

  const group = new GroupRead<PartialSlice>({
    alone: readPage,
    together: readPages,
    maxBatch: Math.min(maxBatch, maxReadsTogether),
  })

  const readStream: Reads['readStream'] = async (streamId, window, signal) => {
    const slice = new PartialSlice(streamId, window)
    await group.read(slice, signal)
    while (!slice.isComplete) await readPage(slice, signal)
    return slice.slice
  }

  return {
    pendingReads: () => group.pending,

    readStream,

    async findEvent(id, signal) {
      const [row] = await run('Finding an event', statements.findEvents, [plainArray([id])], signal)
      return row && eventAt({ readStream }, recordedId(row), signal)
    },

    readLogPage: (query, signal) =>
      log.readPage(
        (what, statement, parameters) => runner.run(what, statement, parameters, signal),
        query,
        signal,
      ),

    async streamInfo(streamId, signal) {
      const [row] = await run('Reading a stream', statements.streamInfo, [streamId], signal)
      return row && streamInfo(row)
    },

    async listStreams(prefix, after, limit, signal) {
      const parameters = [prefix, after, String(limit)]
      return (await run('Listing streams', statements.listStreams, parameters, signal)).map(streamInfo)
    },

    async largestStreams(prefix, limit, signal) {
      const parameters = [prefix, String(limit)]
      return (await run('Listing streams', statements.largestStreams, parameters, signal)).map(streamInfo)
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
