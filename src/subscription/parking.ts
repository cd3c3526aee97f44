/** Makes the record that the storage keeps of a parked event. */
import { describeError } from '../errors/base.ts'
import type { RecordedEvent } from '../event.ts'
import type { EventToPark } from '../storage/subscriptions.ts'

// In UTF-16 units; longer error texts and stacks are cut.
const longestText = 100_000

/** `failures`: how many calls of the handler failed for this event; 0 for a blocked event, whose handler was not called. */
export function eventToPark(
  { position, streamId, id, type }: RecordedEvent,
  state: 'parked' | 'blocked',
  failures: number,
  error: unknown,
): EventToPark {
  const { text, stack } = describeError(error)
  return {
    position,
    streamId,
    eventId: id,
    type,
    state,
    failures,
    error: state === 'blocked' ? 'an earlier event of its stream is parked' : storable(text),
    stack: stack === undefined ? undefined : storable(stack),
  }
}

/** Returns a text that every database can store: without NUL, well-formed, and of limited length. */
function storable(text: string): string {
  return text.replaceAll('\0', '\\0').slice(0, longestText).toWellFormed()
}
