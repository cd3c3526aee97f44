/** Encodes values as the texts that the statements cast: Postgres array literals and lists of JSON. */
import type { NamedProjection, PreparedEvent } from '../storage/index.ts'
import type { Parameters } from './client.ts'

const needsEscape = /["\\]/g

/** Encodes a literal of `text[]`. */
export function textArray(values: readonly (string | null)[]): string {
  return `{${values.map((value) => (value === null ? 'null' : `"${value.replace(needsEscape, '\\$&')}"`)).join(',')}}`
}

/** Encodes an array literal whose elements need no quotes: numbers, ids, ISO times. */
export function plainArray(values: readonly (string | number | null)[]): string {
  return `{${values.map((value) => value ?? 'null').join(',')}}`
}

/**
 * Joins JSON texts with a separator that JSON never contains, because JSON escapes control characters. Unlike for an
 * array literal, neither the client nor the server has to check each character of the payloads for escapes.
 */
export function jsonList(texts: readonly string[]): string {
  return texts.join('\x1e')
}

/** Encodes ids, types, data, metadata and tags. Metadata and tags are null if no event has any. */
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

/** Encodes the names and the versions of inline projections. */
export function namedParameters(named: readonly NamedProjection[]): [string, string] {
  return [textArray(named.map(({ name }) => name)), plainArray(named.map(({ version }) => version))]
}
