/**
 * The stored events behind a slice of a stream. Through a catalogue, one stored event may be read as several events, or as
 * none. Code that counts versions, compares ids or looks for the last event needs the stored events.
 */
import type { RecordedEvent } from '../event.ts'

// A symbol, so that it is no part of the public slice, and is still there in a copy that a wrapped store makes by a spread.
const storedEvents = Symbol('eventsourced.storedEvents')

interface UpcastSlice {
  readonly [storedEvents]?: readonly RecordedEvent[]
}

/** Returns the stored events of a slice, one for each version. */
export function storedEventsOf(slice: {
  readonly events: readonly RecordedEvent[]
}): readonly RecordedEvent[] {
  return (slice as UpcastSlice)[storedEvents] ?? slice.events
}

/** Returns the slice with today's events in place of the stored ones, which `storedEventsOf` still finds. */
export function upcastSlice<Slice extends { readonly events: readonly RecordedEvent[] }>(
  slice: Slice,
  today: readonly RecordedEvent[],
): Slice {
  return { ...slice, events: today, [storedEvents]: slice.events }
}
