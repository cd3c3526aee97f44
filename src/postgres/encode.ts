/** Values as the texts that the statements cast: Postgres array literals and lists of JSON. */
import type { PreparedEvent } from '../storage/index.ts'
import type { Parameters } from './client.ts'

const needsEscape = /["\\]/g

/** A literal of `text[]`, with null where there is none. */
export function textArray(values: readonly (string | null)[]): string {
  return `{${values.map((value) => (value === null ? 'null' : `"${value.replace(needsEscape, '\\$&')}"`)).join(',')}}`
}

/** A literal of an array whose elements need no quotes: numbers, ids, ISO times. */
export function plainArray(values: readonly (string | number | null)[]): string {
  return `{${values.map((value) => value ?? 'null').join(',')}}`
}

/**
 * JSON texts one after the other, with a separator that JSON never contains (it escapes control characters).
 * Unlike an array literal, this needs no look at each character of the payloads on either side.
 */
export function jsonList(texts: readonly string[]): string {
  return texts.join('\x1e')
}

/** Ids, types, data, metadata and tags; null for what no event has. */
export function eventParameters(events: readonly PreparedEvent[]): Parameters {
  const noMetadata = events.every(({ metadata }) => metadata === '{}')
  const noTags = events.every(({ tags }) => tags.length === 0)
  return [
    plainArray(events.map(({ id }) => id)),
    textArray(events.map(({ type }) => type)),
    jsonList(events.map(({ data }) => data)),
    noMetadata ? null : jsonList(events.map(({ metadata }) => (metadata === '{}' ? '' : metadata))),
    noTags ? null : textArray(events.map(({ tags }) => (tags.length === 0 ? null : textArray(tags)))),
  ]
}
