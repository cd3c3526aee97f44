/**
 * Decides how an import takes the events of its source: as today's events, which the catalogue validates and writes, or in
 * their stored form, which the catalogue must be able to read.
 */
import { issuesOf } from '../catalogue/accept.ts'
import type { KnownEvents } from '../catalogue/known-events.ts'
import { isParts } from '../catalogue/known-events.ts'
import { schemaVersionKey } from '../catalogue/stored-event.ts'
import { upcastAll } from '../catalogue/upcast.ts'
import { InvalidEventError } from '../errors/index.ts'
import type { ImportedEvent, ImportOptions } from '../imported-event.ts'
import { refuse } from '../input/refusal.ts'
import type { PreparedEvent } from '../storage/storage.ts'

/**
 * Whether the import takes the event in its stored form.
 * @throws InvalidInputError if the two readings of the event differ, and the import does not say which one is meant
 */
export function isStoredForm(
  known: KnownEvents | undefined,
  { type, metadata }: ImportedEvent,
  shape: ImportOptions['shape'],
): boolean {
  if (known === undefined || known.isOpen) return true
  if (shape !== undefined) return shape === 'stored'
  if (metadata?.[schemaVersionKey] !== undefined) return true
  const event = known.events.get(type)
  if (event === undefined) return known.routes.has(type)
  if (event.version === 1 && event.writeAs === undefined) return false
  const problem = `must be 'current' or 'stored', because the catalogue would read a stored '${type}' of version 1 as another event. 'current': the source has today's events, for example from readAll of a store with a catalogue. 'stored': it has what a store keeps, from store.raw.readAll`
  return refuse('shape', problem, undefined)
}

/** Checks that the catalogue can read an event in its stored form. @throws UnreadableEventError, InvalidEventError */
export function checkReadable(
  known: KnownEvents,
  { id, type, data, metadata, tags }: PreparedEvent,
  streamId: string,
  field: string,
): void {
  const route = known.routes.get(type)
  const isUnchecked =
    route !== undefined && !isParts(route) && route.type === type && route.schema === undefined
  if (isUnchecked && route.version === 1 && metadata === '{}') return
  const payload = { id, type, data: JSON.parse(data), metadata: JSON.parse(metadata), tags }
  const stored = { ...payload, streamId, version: 1, position: 1, recordedAt: new Date() }
  const issues = upcastAll(known, [stored]).flatMap((event) => issuesOf(known, event))
  if (issues.length === 0) return
  throw new InvalidEventError(issues.map(({ path, message }) => ({ path: [field, ...path], message })))
}
