/** What is noted of an event that is set aside. */
import type { RecordedEvent } from '../event.ts'
import type { EventToPark } from '../storage/subscriptions.ts'

const longestText = 100_000

export function toPark(
  { position, streamId, id, type }: RecordedEvent,
  state: 'parked' | 'blocked',
  failures: number,
  error: unknown,
): EventToPark {
  const described = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return {
    position,
    streamId,
    eventId: id,
    type,
    state,
    failures,
    error: state === 'blocked' ? 'an earlier event of its stream is parked' : storable(described),
    stack: error instanceof Error && error.stack !== undefined ? storable(error.stack) : undefined,
  }
}

/** A text that any database can hold. */
function storable(text: string): string {
  return text.replaceAll('\0', '\\0').slice(0, longestText).toWellFormed()
}
