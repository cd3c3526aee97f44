/** Imports: encodes prepared events as parameters of `import_events`, and decodes its answer into an outcome. */
import type { ImportOutcome, NamedProjection, PreparedImport, Storage } from '../storage/index.ts'
import type { Parameters, Row } from './client.ts'
import { eventParameters, namedParameters, plainArray, textArray } from './encode.ts'
import type { InlineDocuments } from './inline-documents.ts'
import { type Runner, runWrite } from './runner.ts'
import type { Statements } from './statements.ts'

/**
 * Makes the `importBatch` of the storage. `named`: the inline projections. `documents`: writes them, if there are any.
 */
export function imports(
  runner: Runner,
  statements: Statements,
  named: readonly NamedProjection[],
  documents: InlineDocuments | undefined,
): Pick<Storage, 'importBatch'> {
  return {
    async importBatch(events, clampTimes, signal) {
      const parameters = importParameters(events, clampTimes, named, runner.lockTimeouts.forStreams)
      if (documents !== undefined) return importOutcome(await documents.import(events, parameters, signal))
      const row = await runWrite(runner, 'Importing', statements.importEvents, parameters, signal, 'retry')
      return importOutcome(row)
    },
  }
}

/** The part of a batch that belongs to one stream. */
interface StreamShare {
  /** The 1-based place of the stream in the parameter `stream_ids`. */
  readonly owner: number
  readonly earliest: Date | undefined
  latest: Date | undefined
  count: number
}

/** Makes the parameters of `import-events.sql`. `retried`: whether an earlier attempt may have imported the batch. */
function importParameters(
  events: readonly PreparedImport[],
  clampTimes: boolean,
  named: readonly NamedProjection[],
  lockTimeout: string | null,
): (retried: boolean) => Parameters {
  const shares = new Map<string, StreamShare>()
  const owners: number[] = []
  const nths: number[] = []
  let inOrder = true
  for (const { streamId, recordedAt } of events) {
    let share = shares.get(streamId)
    if (share === undefined) {
      share = { owner: shares.size + 1, earliest: recordedAt, latest: recordedAt, count: 0 }
      shares.set(streamId, share)
    }
    // The server records an event without a time at its own current time. So only the server can say whether it is in
    // order with events that have a time.
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
  return (retried) => [...parameters, String(retried || !inOrder), ...namedParameters(named), lockTimeout]
}

function timeArray(times: readonly (Date | undefined)[]): string {
  return plainArray(times.map((time) => time?.toISOString() ?? null))
}

/** Decodes the answer of `import_events`. */
function importOutcome(row: Row): ImportOutcome {
  if (row.imported !== null) return { kind: 'imported', imported: Number(row.imported) }
  const streamId = JSON.parse(String(row.stream_id))
  if (row.event_id !== null) return { kind: 'duplicate', eventId: String(row.event_id), streamId }
  const [recordedAt, previous] = [row.recorded_at, row.previous_at].map((time) => new Date(Number(time)))
  return { kind: 'out-of-order', streamId, recordedAt: recordedAt as Date, previous: previous as Date }
}
