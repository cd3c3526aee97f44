/** Makes recorded events from prepared ones, for inline projections. */
import type { RecordedEvent } from '../event.ts'
import type { AppendOutcome, PreparedAppend, PreparedEvent } from './storage.ts'

/** Returns a prepared event as a read will return it, if it is recorded at this place. */
export function recordedEvent(
  streamId: string,
  { id, type, data, metadata, tags }: PreparedEvent,
  place: { readonly version: number; readonly position: number; readonly recordedAt: Date },
): RecordedEvent {
  return {
    id,
    type,
    data: JSON.parse(data),
    metadata: JSON.parse(metadata),
    tags: [...tags],
    streamId,
    version: place.version,
    position: place.position,
    recordedAt: new Date(place.recordedAt),
  }
}

/** Returns the events of all successful appends as a read will return them, in the order of the log. */
export function appendedEvents(
  appends: readonly PreparedAppend[],
  outcomes: readonly (AppendOutcome | { readonly kind: string })[],
): RecordedEvent[] {
  const recorded: RecordedEvent[] = []
  for (const [index, { streamId, events }] of appends.entries()) {
    const outcome = outcomes[index] as AppendOutcome
    if (outcome.kind !== 'appended') continue
    for (const [nth, event] of events.entries()) {
      const version = outcome.version - events.length + nth + 1
      const position = outcome.positions[nth] as number
      recorded.push(
        recordedEvent(streamId, event, { version, position, recordedAt: outcome.recordedAt as Date }),
      )
    }
  }
  return recorded.sort((a, b) => a.position - b.position)
}
