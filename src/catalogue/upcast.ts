/** Reads stored events as the events of today. */
import { UnreadableEventError } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import { jsonRoundTrip } from '../input/json-round-trip.ts'
import { uuidOf } from '../uuid.ts'
import { isParts, type KnownEvents, type Parts, type Route } from './known-events.ts'
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
      if (direction === 'backward') today.reverse()
      events.push(...today)
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

interface Part {
  readonly type: string
  readonly data: unknown
}

function upcastEvent(known: KnownEvents, event: RecordedEvent): RecordedEvent[] {
  const schemaVersion = schemaVersionOf(event.metadata)
  const { [schemaVersionKey]: _, ...metadata } = event.metadata
  if (known.isOpen) return [{ ...event, metadata }]
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
  return partsOf(route, event, stored).map((part, index) => ({
    ...event,
    id: index === 0 ? id : uuidOf('part', id, index),
    type: part.type,
    data: part.data,
    metadata,
  }))
}

/** @throws UnreadableEventError */
function partsOf(route: Route, event: RecordedEvent, stored: StoredEvent): readonly Part[] {
  if (isParts(route)) return split(route, event.data, event, stored)
  const { schemaVersion } = stored
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
    data = run(() => step(data, stored), event, stored, `from version ${version}`)
    if (data === undefined) throw noData(event, stored, `from version ${version}`)
  }
  return [{ type: route.type, data }]
}

/** A function that returns undefined leaves its part out. Each function gets a copy, so that no part shares data with another. */
function split(parts: Parts, data: unknown, event: RecordedEvent, stored: StoredEvent): readonly Part[] {
  const made: Part[] = []
  for (const [type, step] of parts) {
    const own = run(
      () => step(parts.size > 1 ? jsonRoundTrip(data) : data, stored),
      event,
      stored,
      `to '${type}'`,
    )
    if (own !== undefined) made.push({ type, data: own })
  }
  return made
}

/** @throws UnreadableEventError if the upcast throws or returns a promise */
function run(upcast: () => unknown, event: RecordedEvent, stored: StoredEvent, what: string): unknown {
  let result: unknown
  try {
    result = upcast()
  } catch (thrown) {
    const problem = `the upcast ${what} threw ${describeThrown(thrown)}`
    throw new UnreadableEventError('upcast-failed', event, stored.schemaVersion, problem, { cause: thrown })
  }
  if (!(result instanceof Promise)) return result
  result.catch(() => {})
  const problem = `the upcast ${what} returned a promise, but upcasts must be synchronous`
  throw new UnreadableEventError('upcast-failed', event, stored.schemaVersion, problem)
}

function noData(event: RecordedEvent, { schemaVersion }: StoredEvent, what: string): UnreadableEventError {
  const problem = `the upcast ${what} returned no data; return the data of the next version`
  return new UnreadableEventError('upcast-failed', event, schemaVersion, problem)
}

function describeThrown(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
}
