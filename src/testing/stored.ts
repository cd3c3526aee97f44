/** Events in the form in which they are stored, for tests of a catalogue and of code that old events reach. */
import { schemaVersionKey } from '../catalogue/stored-event.ts'
import type { Event } from '../event.ts'
import { checkInteger, checkName } from '../input/checks.ts'
import { readSafely, refuse } from '../input/refusal.ts'

// A property, so that a copy that a user makes by a spread, such as `{ ...stored(…), streamId: 'a' }`, keeps it.
const storedShape: unique symbol = Symbol('eventsourced.storedShape')

/** An event as it is stored: under an old name or today's, and in an old version of its data or today's. */
export interface StoredShape extends Event {
  readonly [storedShape]: true
}

/** An event that `store.raw` has returned, also after it was kept as JSON. */
export interface RawEvent extends Event {
  readonly streamId?: string | undefined
  readonly version?: number | undefined
  readonly position?: number | undefined
  readonly recordedAt?: Date | string | undefined
}

/**
 * Returns a stored event. Tests pass it where events of the past are expected, and the catalogue reads it.
 *
 * @param version The version of the data. `stored(event)` takes an event of `store.raw` with its version and all else.
 * @throws InvalidInputError if the type or the version is wrong
 */
export function stored(type: string, data: unknown, version?: number): StoredShape
export function stored(event: RawEvent): StoredShape
export function stored(given: string | RawEvent, data?: unknown, version: number = 1): StoredShape {
  if (typeof given === 'string') {
    checkName(given, 'type')
    checkInteger(version, 'version', 1)
    const metadata = version === 1 ? {} : { metadata: { [schemaVersionKey]: version } }
    return { type: given, data, ...metadata, [storedShape]: true }
  }
  return readSafely('event', given, () => {
    if (typeof given !== 'object' || given === null)
      refuse('event', 'must be a type, or an event of store.raw', given)
    const { recordedAt } = given
    const time = typeof recordedAt === 'string' ? { recordedAt: new Date(recordedAt) } : {}
    return { ...given, ...time, [storedShape]: true }
  })
}

export function isStoredShape(event: object): event is StoredShape {
  return storedShape in event
}
