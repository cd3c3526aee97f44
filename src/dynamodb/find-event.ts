/**
 * Finds an event by its id. Most ids are in items of their own. An id that the library made for one append is in none: its
 * event is found by the time in the id, where the log was written at that time.
 */
import { eventAt, type Storage, timeOfUuid } from '../storage/index.ts'
import type { EventIds } from './appends/event-ids.ts'
import type { Log } from './log/log.ts'

export function findingEvents(
  ids: EventIds,
  log: Log,
  streams: Pick<Storage, 'readStream'>,
): Pick<Storage, 'findEvent'> {
  return {
    async findEvent(id, signal) {
      const place = await ids.placeOf(id, signal)
      const event = place && (await eventAt(streams, place, signal))
      if (event !== undefined) return event
      const time = timeOfUuid(id)
      return time === undefined ? undefined : log.findEvent(id, time, signal)
    },
  }
}
