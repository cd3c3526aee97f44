/** Reads stored events as the events of today. */
import { describeError } from '../errors/base.ts'
import { UnreadableEventError } from '../errors/index.ts'
import type { Metadata, RecordedEvent } from '../event.ts'
import { copyOfEvent, copyOfJson } from '../log/event-copy.ts'
import { uuidOf } from '../uuid.ts'
import { type DataStep, isParts, type KnownEvents, type Parts } from './known-events.ts'
import { nearestName } from './nearest-name.ts'
import { type StoredEvent, schemaVersionKey, schemaVersionOf } from './stored-event.ts'

/** Today's events of some stored ones. `unreadable`: why the stored event after them cannot be read. */
export interface Upcast {
  readonly events: readonly RecordedEvent[]
  readonly unreadable: UnreadableEventError | undefined
}

/**
 * Returns today's events up to the first stored event that cannot be read. Returns the given list itself if all events are
 * read as they are stored. The events that a stored event is split into share its version and its position; the first one
 * has its id, and the others have ids that are derived from it. `direction`: the order of the list.
 */
export function upcast(
  known: KnownEvents,
  stored: readonly RecordedEvent[],
  direction: 'forward' | 'backward' = 'forward',
): Upcast {
  let events: RecordedEvent[] | undefined
  for (let index = 0; index < stored.length; index++) {
    const event = stored[index] as RecordedEvent
    if (isUnchanged(known, event)) {
      events?.push(event)
      continue
    }
    events ??= stored.slice(0, index)
    try {
      const today = upcastEvent(known, event)
      if (!Array.isArray(today)) events.push(today as RecordedEvent)
      else events.push(...(direction === 'backward' ? today.toReversed() : today))
    } catch (error) {
      if (!(error instanceof UnreadableEventError)) throw error
      return { events, unreadable: error }
    }
  }
  return { events: events ?? stored, unreadable: undefined }
}

/** Returns today's events of all stored ones. @throws UnreadableEventError */
export function upcastAll(
  known: KnownEvents,
  stored: readonly RecordedEvent[],
  direction?: 'forward' | 'backward',
): readonly RecordedEvent[] {
  const { events, unreadable } = upcast(known, stored, direction)
  if (unreadable !== undefined) throw unreadable
  return events
}

/** The fast path: most events have version 1 and their own name. */
function isUnchanged(known: KnownEvents, { type, metadata }: RecordedEvent): boolean {
  if (metadata[schemaVersionKey] !== undefined) return false
  if (known.isOpen) return true
  const route = known.routes.get(type)
  return route !== undefined && !isParts(route) && route.version === 1 && route.type === type
}

/** Returns today's event, or events. @throws UnreadableEventError */
function upcastEvent(known: KnownEvents, event: RecordedEvent): RecordedEvent | readonly RecordedEvent[] {
  const metadata = withoutSchemaVersion(event.metadata)
  if (known.isOpen) return partOf(event, metadata, event.id, event.type, event.data)
  const schemaVersion = schemaVersionOf(event.metadata)
  const route = known.routes.get(event.type)
  if (route === undefined) {
    if (known.unknown === 'skip') return []
    const nearest = nearestName(event.type, known.routes.keys())
    const hint = nearest === undefined ? '' : ` (it has '${nearest}')`
    const problem = `the catalogue has no such event${hint}. Upgrade this process if a newer one has written the event; otherwise add the event to the catalogue`
    throw new UnreadableEventError('unknown-type', event, schemaVersion, problem)
  }
  const { type, id, streamId, recordedAt, tags } = event
  const stored: StoredEvent = { type, schemaVersion, id, streamId, recordedAt, metadata, tags }
  if (isParts(route)) return split(route, event.data, event, stored)
  if (!(schemaVersion <= route.version)) {
    const problem = `its data has version ${event.metadata[schemaVersionKey]}, and this process knows version ${route.version}. A newer process has written it: upgrade this process`
    throw new UnreadableEventError('newer-version', event, schemaVersion, problem)
  }
  let { data } = event
  for (let version = schemaVersion; version < route.version; version++) {
    const step = route.steps.get(version)
    if (step === undefined) {
      const problem = `its data has version ${version}, and the catalogue has no upcast from this version of '${route.type}'`
      throw new UnreadableEventError('older-version', event, schemaVersion, problem)
    }
    if (isParts(step)) return split(step, data, event, stored)
    data = run(step, data, event, stored, version)
    if (data === undefined) {
      const problem = `the upcast from version ${version} returned no data; return the data of the next version`
      throw new UnreadableEventError('upcast-failed', event, schemaVersion, problem)
    }
  }
  return partOf(event, metadata, id, route.type, ownData(data, event.data))
}

/**
 * Returns data that the event shares with no other one: an upcast may put an object of its program into the data of each
 * event, and a handler may change its event. Copies only the objects that the stored data does not have: copying all would
 * take longer than the upcast.
 */
function ownData(made: unknown, stored: unknown): unknown {
  if (made === stored || typeof made !== 'object' || made === null) return made
  if (Array.isArray(made) || typeof stored !== 'object' || stored === null) return copyOfJson(made)
  const own: Record<string, unknown> = { ...made }
  for (const key of Object.keys(own)) {
    const value = own[key]
    if (typeof value !== 'object' || value === null) continue
    // An assignment to this key would set the prototype.
    if (key === '__proto__') return copyOfJson(made)
    if (value !== (stored as Record<string, unknown>)[key]) own[key] = copyOfJson(value)
  }
  return own
}

function withoutSchemaVersion(metadata: Metadata): Metadata {
  if (metadata[schemaVersionKey] === undefined) return metadata
  const { [schemaVersionKey]: _, ...rest } = metadata
  return rest
}

/** Written out property by property: a spread of the event takes longer than the rest of an upcast. */
function partOf(
  { streamId, version, position, tags, recordedAt }: RecordedEvent,
  metadata: Metadata,
  id: string,
  type: string,
  data: unknown,
): RecordedEvent {
  return { id, type, streamId, version, position, data, metadata, tags, recordedAt }
}

/**
 * A function that returns undefined leaves its part out. Each function gets a copy, so that no part shares data with
 * another.
 */
function split(
  parts: Parts,
  data: unknown,
  event: RecordedEvent,
  stored: StoredEvent,
): readonly RecordedEvent[] {
  const made: RecordedEvent[] = []
  for (const [type, step] of parts) {
    const own = run(step, parts.size > 1 ? copyOfJson(data) : data, event, stored, type)
    if (own === undefined) continue
    const id = made.length === 0 ? event.id : uuidOf('part', event.id, made.length)
    const part = { ...event, id, type, data: own, metadata: stored.metadata }
    made.push(copyOfEvent(part))
  }
  return made
}

/**
 * `from`: the version that the upcast takes, or the type that it makes.
 * @throws UnreadableEventError if the upcast throws or returns a promise
 */
function run(
  step: DataStep,
  data: unknown,
  event: RecordedEvent,
  stored: StoredEvent,
  from: number | string,
): unknown {
  let result: unknown
  try {
    result = step(data, stored)
  } catch (thrown) {
    const problem = `the upcast ${describe(from)} threw ${describeError(thrown).text}`
    throw new UnreadableEventError('upcast-failed', event, stored.schemaVersion, problem, { cause: thrown })
  }
  if (!(result instanceof Promise)) return result
  result.catch(() => {})
  const problem = `the upcast ${describe(from)} returned a promise, but upcasts must be synchronous`
  throw new UnreadableEventError('upcast-failed', event, stored.schemaVersion, problem)
}

const describe = (from: number | string) =>
  typeof from === 'number' ? `from version ${from}` : `to '${from}'`
