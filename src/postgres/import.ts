/** What a batch of an import still has to append, and in which form. */
import type { ImportOutcome, PreparedAppend, PreparedImport } from '../storage.ts'
import type { AppendRequest } from './append.ts'
import type { Row } from './client.ts'

/** Which events are not recorded yet, and the first whose id another stream has. `found`: rows of `find-events.sql`. */
export function compareWithRecorded(
  events: readonly PreparedImport[],
  found: readonly Row[],
): { readonly fresh: readonly PreparedImport[]; readonly misplaced?: ImportOutcome } {
  const streamOf = new Map(found.map((row) => [row.event_id, String(row.stream_id)]))
  const fresh = events.filter(({ id }) => !streamOf.has(id))
  const misplaced = events.find(({ id, streamId }) => (streamOf.get(id) ?? streamId) !== streamId)
  if (misplaced === undefined) return { fresh }
  const streamId = String(streamOf.get(misplaced.id))
  return { fresh, misplaced: { kind: 'duplicate', eventId: misplaced.id, streamId } }
}

/** The first event that was recorded before its stream's previous one. `times` are rows of `stream-times.sql`. */
export function firstDisorder(
  events: readonly PreparedImport[],
  times: readonly Row[],
): ImportOutcome | undefined {
  const latest = new Map(times.map((row) => [String(row.stream_id), new Date(Number(row.last_recorded_at))]))
  for (const { streamId, recordedAt } of events) {
    if (recordedAt === undefined) continue
    const previous = latest.get(streamId)
    if (previous !== undefined && previous > recordedAt) {
      return { kind: 'out-of-order', streamId, recordedAt, previous }
    }
    latest.set(streamId, recordedAt)
  }
  return undefined
}

/** One append for each stream, with the order of the whole batch and times that never step back in a stream. */
export function importRequest(
  events: readonly PreparedImport[],
): Pick<Required<AppendRequest>, 'appends' | 'imported'> {
  const now = new Date()
  const places = new Map<string, number>()
  const streams: PreparedImport[][] = []
  const owners: number[] = []
  const recordedAts: Date[] = []
  const latest: Date[] = []
  for (const event of events) {
    const place = places.get(event.streamId) ?? streams.push([])
    places.set(event.streamId, place)
    streams[place - 1]?.push(event)
    const previous = latest[place - 1]
    const time = event.recordedAt ?? now
    const recordedAt = previous !== undefined && previous > time ? previous : time
    latest[place - 1] = recordedAt
    owners.push(place)
    recordedAts.push(recordedAt)
  }
  const appends: PreparedAppend[] = [...places].map(([streamId, place]) => ({
    streamId,
    expectedVersion: 'any',
    events: streams[place - 1] ?? [],
  }))
  return { appends, imported: { owners, recordedAts } }
}
