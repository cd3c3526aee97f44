/** Checks the events that a program appends against its catalogue, and makes their stored form. */
import { describeError } from '../errors/base.ts'
import { type EventIssue, InvalidEventError, InvalidInputError, pathText } from '../errors/index.ts'
import type { Event } from '../event.ts'
import { toJson } from '../input/json.ts'
import { beginning, readSafely, refuse } from '../input/refusal.ts'
import type { KnownEvent, KnownEvents } from './known-events.ts'
import { olderForm } from './older-form.ts'
import type { SchemaIssue, StandardSchema } from './standard-schema.ts'
import type { StoredForm } from './stored-event.ts'
import { unknownTypeProblem } from './unknown-type.ts'

export type Path = readonly (string | number)[]

/** Data that the schema of an event has returned. */
interface Accepted {
  readonly event: KnownEvent
  readonly data: unknown
}

// By event, and by data that is an object, for stores that wrap another one and copy the events. Only the library has such
// data, so nobody changes it.
const acceptedData = new WeakMap<object, Accepted>()

/** Returns the stored form of an event. If the event does not fit, adds the reasons to `issues` and returns undefined. */
export function storedForm(
  known: KnownEvents,
  given: Event,
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
  const accepted = isAccepted(event, given, data)
    ? { value: data }
    : validData(event, data, [...path, 'data'], issues)
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
    const own = { ...event, data }
    for (const key of [own, data]) {
      if (typeof key === 'object' && key !== null) acceptedData.set(key, { event: definition, data })
    }
    return own
  })
  if (issues.length > 0) throw new InvalidEventError(issues)
  return accepted
}

function isAccepted(event: KnownEvent, given: Event, data: unknown): boolean {
  const key = typeof data === 'object' && data !== null ? data : given
  const accepted = acceptedData.get(key)
  return accepted !== undefined && accepted.event === event && Object.is(accepted.data, data)
}

/** Notes that a copy of an event has the same data, which need not be validated again. */
export function markAsAccepted(copy: object, event: object): void {
  const accepted = acceptedData.get(event)
  if (accepted !== undefined) acceptedData.set(copy, accepted)
}

/** Returns the reasons why an event of today does not fit its schema. */
export function issuesOf(known: KnownEvents, { type, data }: Event): readonly EventIssue[] {
  const issues: EventIssue[] = []
  const event = known.events.get(type)
  if (event !== undefined) validData(event, data, ['data'], issues)
  return issues
}

/** Returns the same reasons as texts, each with the type and the path. */
export function issueTexts(known: KnownEvents, event: Event): readonly string[] {
  return issuesOf(known, event).map(({ path, message }) => `'${event.type}' ${pathText(path)}: ${message}`)
}

const expectedResult = 'must return { value }, or { issues } with at least one issue'

/** @throws InvalidInputError if the schema is asynchronous, or breaks the rules of Standard Schema */
function validData(
  { type, schema }: KnownEvent,
  data: unknown,
  path: Path,
  issues: EventIssue[],
): { readonly value: unknown } | undefined {
  if (schema === undefined) return { value: data }
  const field = `the schema of '${type}'`
  const result: unknown = resultOf(schema, data, field)
  if (result instanceof Promise) {
    result.catch(() => {})
    const problem = 'must validate synchronously, because events are validated before they are appended'
    throw new InvalidInputError(field, problem, 'a promise')
  }
  return readSafely(field, result, () => {
    if (typeof result !== 'object' || result === null) refuse(field, expectedResult, result)
    const found = result as { readonly value?: unknown; readonly issues?: readonly SchemaIssue[] }
    if (found.issues === undefined) {
      if (!('value' in found)) refuse(field, expectedResult, result)
      return { value: found.value }
    }
    // Without an issue, the event would count as valid.
    const all: readonly SchemaIssue[] = found.issues
    if (!Array.isArray(found.issues) || all.length === 0) refuse(field, expectedResult, found.issues)
    for (const { message, path: within = [] } of all) {
      const keys = within.map((key) => (typeof key === 'object' ? key.key : key))
      issues.push({
        path: [...path, ...keys.map((key) => (typeof key === 'number' ? key : String(key)))],
        message,
      })
    }
    return undefined
  })
}

function resultOf(schema: StandardSchema, data: unknown, field: string): unknown {
  try {
    return schema['~standard'].validate(data)
  } catch (thrown) {
    const { text } = describeError(thrown)
    throw new InvalidInputError(field, `must return issues and not throw (${text})`, beginning(data), {
      cause: thrown,
    })
  }
}
