/** Makes the form of an event that processes of the previous release know (`writeAs`). */
import { describeError } from '../errors/base.ts'
import type { EventIssue } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import { jsonRoundTrip } from '../input/json-round-trip.ts'
import type { KnownEvents, WrittenForm } from './known-events.ts'
import { type StoredForm, schemaVersionKey } from './stored-event.ts'
import { upcastAll } from './upcast.ts'

/**
 * Returns the older form of an event of today, or why it cannot be stored so: an issue whose path begins in the data. The
 * upcasts must read the older form back as the same event, or the event would change by being stored.
 */
export function olderForm(
  known: KnownEvents,
  writeAs: WrittenForm,
  type: string,
  data: unknown,
): StoredForm | EventIssue {
  const { type: olderType, version } = writeAs
  const name = `'${olderType}' of version ${version}`
  const today = jsonRoundTrip(data)
  let older: unknown = today
  try {
    if (writeAs.convert !== undefined) older = writeAs.convert(jsonRoundTrip(today))
  } catch (thrown) {
    return { path: [], message: `cannot be written as ${name}: writeAs threw ${describeError(thrown).text}` }
  }
  if (older instanceof Promise) {
    older.catch(() => {})
    return {
      path: [],
      message: `cannot be written as ${name}: writeAs returned a promise, but it must be synchronous`,
    }
  }
  if (older === undefined) {
    return {
      path: [],
      message: `cannot be written as ${name}: writeAs returned no data; return the data of version ${version}`,
    }
  }
  const metadata = version === 1 ? {} : { [schemaVersionKey]: version }
  let readBack: readonly RecordedEvent[]
  try {
    readBack = upcastAll(known, [asStored(olderType, jsonRoundTrip(older), metadata)])
  } catch (thrown) {
    return {
      path: [],
      message: `cannot be read back as ${name}, the form that writeAs makes: ${describeError(thrown).text}`,
    }
  }
  const [event, ...more] = readBack
  const hint = 'Append only what that form can hold, or make writeAs and upcasts inverse'
  if (event?.type !== type || more.length > 0) {
    return {
      path: [],
      message: `would be read back as other events, because writeAs stores it as ${name}. ${hint}`,
    }
  }
  const path = firstDifference(today, jsonRoundTrip(event.data))
  if (path === undefined) return { type: olderType, data: older, schemaVersion: version }
  return {
    path,
    message: `would be read back with another value, because writeAs stores the event as ${name}. ${hint}`,
  }
}

/** Returns where two JSON values first differ; undefined if they are equal. */
function firstDifference(a: unknown, b: unknown): EventIssue['path'] | undefined {
  if (a === b) return undefined
  if (!isContainer(a) || !isContainer(b) || Array.isArray(a) !== Array.isArray(b)) return []
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) return []
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const within = firstDifference(ownValue(a, key), ownValue(b, key))
    if (within !== undefined) return [Array.isArray(a) ? Number(key) : key, ...within]
  }
  return undefined
}

type Container = Readonly<Record<string, unknown>>

const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null

// Not `value[key]`: for the key `constructor`, that would read the prototype's.
const ownValue = (value: Container, key: string): unknown =>
  Object.hasOwn(value, key) ? value[key] : undefined

/** An event that is not stored yet, for upcasting it. */
function asStored(type: string, data: unknown, metadata: RecordedEvent['metadata']): RecordedEvent {
  const id = '00000000-0000-0000-0000-000000000000'
  return { id, type, data, metadata, tags: [], streamId: '', version: 1, position: 1, recordedAt: new Date() }
}
