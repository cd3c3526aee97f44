/** Importing: from prepared events to the parameters of `import_events`, and from its answer to an outcome. */
import type { ImportOutcome, PreparedImport, Storage } from '../storage.ts'
import type { Parameters, Row } from './client.ts'
import { eventParameters, plainArray, textArray } from './encode.ts'
import { type Runner, runWrite } from './runner.ts'
import type { Statements } from './statements.ts'

export function importing(runner: Runner, statements: Statements): Pick<Storage, 'importBatch'> {
  return {
    async importBatch(events, clampTimes, signal) {
      const parameters = importParameters(events, clampTimes)
      return importAnswer(await runWrite(runner, 'Importing', statements.import, () => parameters, signal))
    },
  }
}

/** See `import.sql`. */
function importParameters(events: readonly PreparedImport[], clampTimes: boolean): Parameters {
  const places = new Map<string, number>()
  for (const { streamId } of events) {
    if (!places.has(streamId)) places.set(streamId, places.size + 1)
  }
  return [
    textArray([...places.keys()]),
    plainArray(events.map(({ streamId }) => places.get(streamId) ?? null)),
    ...eventParameters(events),
    plainArray(events.map(({ recordedAt }) => recordedAt?.toISOString() ?? null)),
    String(clampTimes),
  ]
}

/** What `import_events` answered. */
function importAnswer(row: Row): ImportOutcome {
  const streamId = JSON.parse(String(row.stream_id))
  if (row.imported !== null) return { kind: 'imported', imported: Number(row.imported) }
  if (row.event_id !== null) return { kind: 'duplicate', eventId: String(row.event_id), streamId }
  const [recordedAt, previous] = [row.recorded_at, row.previous_at].map((time) => new Date(Number(time)))
  return { kind: 'out-of-order', streamId, recordedAt: recordedAt as Date, previous: previous as Date }
}
