/**
 * Copies events that several members get. A handler may change its event: a projection, for example, puts a list of the
 * event into its state and adds to it. Another handler must not see that change.
 */
import type { RecordedEvent } from '../event.ts'

export function copyOfEvent(event: RecordedEvent): RecordedEvent {
  return {
    ...event,
    data: copyOfJson(event.data),
    metadata: copyOfJson(event.metadata) as RecordedEvent['metadata'],
    tags: [...event.tags],
    recordedAt: new Date(event.recordedAt),
  }
}

/** Copies a JSON value, which may contain dates. Ten times as fast as `structuredClone`. */
export function copyOfJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return new Date(value)
  if (Array.isArray(value)) return value.map(copyOfJson)
  const copy: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) {
    if (key === '__proto__') {
      // An assignment would set the prototype. JSON.parse makes a property of this name.
      const property = { value: copyOfJson(member), enumerable: true, writable: true, configurable: true }
      Object.defineProperty(copy, key, property)
    } else copy[key] = copyOfJson(member)
  }
  return copy
}
