/** Translates a filter by today's types into one by stored names, and back. */
import type { RecordedEvent } from '../event.ts'
import type { EventFilter } from '../input/event-filter.ts'
import type { KnownEvents } from './known-events.ts'
import { checkTypes } from './unknown-type.ts'
import { type Upcast, upcast } from './upcast.ts'

/** Reads the events of a filter through a catalogue. */
export interface TypeFilter {
  /** The filter of the stored events. */
  readonly stored: Required<EventFilter>
  /** Whether some of the stored events may be read as none, or as events that are not selected. */
  readonly mayLeaveOut: boolean
  /** Returns today's events that the filter selects, up to the first stored event that cannot be read. */
  today(stored: readonly RecordedEvent[], direction?: 'forward' | 'backward'): Upcast
}

interface TypeFilterOptions {
  /** The option that has the types, for errors. @default 'types' */
  readonly field?: string
  /**
   * Whether the types are all events of a catalogue. A newer release may add events to it. If a process of this release
   * filtered by the names that it knows, it would pass over such an event. So it reads all events, and meets the new ones
   * as events that it cannot read. @default false
   */
  readonly isWholeCatalogue?: boolean
}

/**
 * Returns the filter itself, for reading events as they are stored, if there is no catalogue.
 * @throws InvalidInputError if a type is no event of the catalogue
 */
export function typeFilter(
  known: KnownEvents | undefined,
  filter: Required<EventFilter>,
  { field = 'types', isWholeCatalogue = false }: TypeFilterOptions = {},
): TypeFilter {
  if (known === undefined) {
    return { stored: filter, mayLeaveOut: false, today: (events) => ({ events, unreadable: undefined }) }
  }
  if (filter.types === undefined) {
    return {
      stored: filter,
      mayLeaveOut: true,
      today: (events, direction) => upcast(known, events, direction),
    }
  }
  checkTypes(known, filter.types, field)
  const { types, isExact } = isWholeCatalogue
    ? { types: undefined, isExact: false }
    : known.storedTypes(filter.types)
  const stored = { ...filter, types }
  // Without a filter by names, an event that the catalogue reads as another one may come too.
  if (isExact && types !== undefined)
    return { stored, mayLeaveOut: true, today: (events, direction) => upcast(known, events, direction) }
  const wanted = new Set(filter.types)
  return {
    stored,
    mayLeaveOut: true,
    today(stored, direction) {
      const { events, unreadable } = upcast(known, stored, direction)
      const isWanted = ({ type }: RecordedEvent) => wanted.has(type)
      return { events: events.every(isWanted) ? events : events.filter(isWanted), unreadable }
    },
  }
}
