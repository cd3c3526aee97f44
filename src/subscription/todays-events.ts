/** Reads stored events as the events of today, for handlers. */
import type { TypeFilter } from '../catalogue/type-filter.ts'
import type { UnreadableEventError } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'

/**
 * The catalogue of the store cannot read one of the events of a call. The handler was not called. It is not an error of
 * the handler: the handler may throw an UnreadableEventError too, about an event of another store.
 */
export class NotUpcast extends Error {
  override readonly cause: UnreadableEventError

  constructor(cause: UnreadableEventError) {
    super(cause.message, { cause })
    this.cause = cause
  }
}

/**
 * Returns today's events of some stored ones.
 * @throws NotUpcast if one of them cannot be read
 */
export function todaysEvents(filter: TypeFilter, stored: readonly RecordedEvent[]): readonly RecordedEvent[] {
  const { events, unreadable } = filter.today(stored)
  if (unreadable !== undefined) throw new NotUpcast(unreadable)
  return events
}

/**
 * Returns an event as the handler gets it, for reports: the first one that a split event is read as. Returns the stored
 * event if the handler does not get it.
 */
export function eventToday(filter: TypeFilter, stored: RecordedEvent): RecordedEvent {
  return filter.today([stored]).events[0] ?? stored
}
