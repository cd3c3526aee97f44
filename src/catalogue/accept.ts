/** Checks the events that a program appends against its catalogue, and makes their stored form. */
import { type EventIssue, InvalidEventError, InvalidInputError } from '../errors/index.ts'
import type { Event } from '../event.ts'
import { toJson } from '../input/json.ts'
import type { KnownEvent, KnownEvents } from './known-events.ts'
import { olderForm } from './older-form.ts'
import type { StoredForm } from './stored-event.ts'
import { unknownTypeProblem } from './unknown-type.ts'

export type Path = readonly (string | number)[]

// Data that a schema has accepted, and for which event. Only the library has these objects, so nobody changes them.
const acceptedData = new WeakMap<object, KnownEvent>()

/** Returns the stored form of an event. If the event does not fit, adds the reasons to `issues` and returns undefined. */
export function storedForm(
  known: KnownEvents,
  { type, data }: Event,
  path: Path,
  issues: EventIssue[],
): StoredForm | undefined {
  if (known.isOpen) return { type, data, schemaVersion: 1 }
  const event = known.events.get(type)
  if (event === undefined) {
    issues.push({ path: [...path, 'type'], message: unknownTypeProblem(known, type) })
    return undefined
  }
  const isAccepted = typeof data === 'object' && data !== null && acceptedData.get(data) === event
  const accepted = isAccepted ? { value: data } : validData(event, data, [...path, 'data'], issues)
  if (accepted === undefined) return undefined
  const { writeAs } = event
  if (writeAs === undefined) return { type, data: accepted.value, schemaVersion: event.version }
  const older = olderForm(known, writeAs, type, accepted.value)
  if (!('message' in older)) return older
  issues.push({ ...older, path: [...path, 'data', ...older.path] })
  return undefined
}

/**
 * Returns the events with the data that their schemas return, so that an append need not validate them again.
 * @throws InvalidEventError, or InvalidInputError if a schema returns data that is not JSON
 */
export function acceptedEvents<E extends Event>(known: KnownEvents, events: readonly E[]): readonly E[] {
  if (known.isOpen) return events
  const issues: EventIssue[] = []
  const accepted = events.map((event, index) => {
    const definition = known.events.get(event.type)
    if (definition === undefined) {
      issues.push({ path: ['events', index, 'type'], message: unknownTypeProblem(known, event.type) })
      return event
    }
    if (definition.schema === undefined) return event
    const valid = validData(definition, event.data, ['events', index, 'data'], issues)
    if (valid === undefined) return event
    const data = JSON.parse(toJson(valid.value, `events[${index}].data`, Number.MAX_SAFE_INTEGER))
    if (typeof data === 'object' && data !== null) acceptedData.set(data, definition)
    return { ...event, data }
  })
  if (issues.length > 0) throw new InvalidEventError(issues)
  return accepted
}

/** Returns the reasons why an event of today does not fit its schema. */
export function issuesOf(known: KnownEvents, { type, data }: Event): readonly EventIssue[] {
  const issues: EventIssue[] = []
  const event = known.events.get(type)
  if (event !== undefined) validData(event, data, ['data'], issues)
  return issues
}

/** @throws InvalidInputError if the schema is asynchronous */
function validData(
  { type, schema }: KnownEvent,
  data: unknown,
  path: Path,
  issues: EventIssue[],
): { readonly value: unknown } | undefined {
  if (schema === undefined) return { value: data }
  const result = schema['~standard'].validate(data)
  if (result instanceof Promise) {
    result.catch(() => {})
    const problem = 'must validate synchronously, because events are validated before they are appended'
    throw new InvalidInputError(`the schema of '${type}'`, problem, 'a promise')
  }
  if (result.issues === undefined) return result
  for (const { message, path: within = [] } of result.issues) {
    const keys = within.map((key) => (typeof key === 'object' ? key.key : key))
    issues.push({
      path: [...path, ...keys.map((key) => (typeof key === 'number' ? key : String(key)))],
      message,
    })
  }
  return undefined
}
