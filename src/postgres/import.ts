/** Importing: from prepared events to the parameters of `import_events`, and from its answer to an outcome. */
import type { ImportOutcome, PreparedImport, Storage } from '../storage/index.ts'
import type { Parameters, Row } from './client.ts'
import { eventParameters, plainArray, textArray } from './encode.ts'
import type { InlineDocuments } from './inline-documents.ts'
import { type Runner, runWrite } from './runner.ts'
import type { Statements } from './statements.ts'

export function importing(
  runner: Runner,
  statements: Statements,
  documents: InlineDocuments | undefined,
): Pick<Storage, 'importBatch'> {
  return {
    async importBatch(events, clampTimes, signal) {
      const parameters = importParameters(events, clampTimes)
      if (documents !== undefined) return importAnswer(await documents.import(events, parameters, signal))
      const row = await runWrite(runner, 'Importing', statements.importEvents, parameters, signal)
      return importAnswer(row)
    },
  }
}

/** What a batch brings to one stream. */
interface Share {
  readonly owner: number
  readonly earliest: Date | undefined
  latest: Date | undefined
  count: number
}

/** See `import-events.sql`. `retried`: whether this very call may have been done before. */
function importParameters(
  events: readonly PreparedImport[],
  clampTimes: boolean,
): (retried: boolean) => Parameters {
  const shares = new Map<string, Share>()
  const owners: number[] = []
  const nths: number[] = []
  let inOrder = true
  for (const { streamId, recordedAt } of events) {
    let share = shares.get(streamId)
    if (share === undefined) {
      share = { owner: shares.size + 1, earliest: recordedAt, latest: recordedAt, count: 0 }
      shares.set(streamId, share)
    }
    // An event without a time is recorded now, by the server's clock: among others, only the server can tell.
    inOrder &&= recordedAt === share.latest || (recordedAt ?? 0) >= (share.latest ?? Number.NaN)
    share.latest = recordedAt
    owners.push(share.owner)
    nths.push(++share.count)
  }
  const streams = [...shares.values()]
  const parameters = [
    textArray([...shares.keys()]),
    plainArray(streams.map(({ count }) => count)),
    timeArray(streams.map(({ earliest }) => earliest)),
    timeArray(streams.map(({ latest }) => latest)),
    plainArray(owners),
    plainArray(nths),
    ...eventParameters(events),
    timeArray(events.map(({ recordedAt }) => recordedAt)),
    String(clampTimes),
  ]
  return (retried) => [...parameters, String(retried || !inOrder)]
}

function timeArray(times: readonly (Date | undefined)[]): string {
  return plainArray(times.map((time) => time?.toISOString() ?? null))
}

/** What `import_events` answered. */
function importAnswer(row: Row): ImportOutcome {
  const streamId = JSON.parse(String(row.stream_id))
  if (row.imported !== null) return { kind: 'imported', imported: Number(row.imported) }
  if (row.event_id !== null) return { kind: 'duplicate', eventId: String(row.event_id), streamId }
  const [recordedAt, previous] = [row.recorded_at, row.previous_at].map((time) => new Date(Number(time)))
  return { kind: 'out-of-order', streamId, recordedAt: recordedAt as Date, previous: previous as Date }
}
