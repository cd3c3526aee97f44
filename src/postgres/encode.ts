/** Encodes values as the texts that the statements cast: Postgres array literals and lists of JSON. */
import type { NamedProjection, PreparedEvent } from '../storage/index.ts'
import type { Parameters } from './client.ts'

const needsEscape = /["\\]/
const escaped = /["\\]/g

/** Encodes a literal of `text[]`. */
export function textArray(values: Iterable<string | null>): string {
  let elements = ''
  for (const value of values) elements += elements === '' ? quoted(value) : `,${quoted(value)}`
  return `{${elements}}`
}

function quoted(value: string | null): string {
  if (value === null) return 'null'
  return needsEscape.test(value) ? `"${value.replace(escaped, '\\$&')}"` : `"${value}"`
}

/** Encodes an array literal whose elements need no quotes: numbers, ids, ISO times. */
export function plainArray(values: Iterable<string | number | null>): string {
  let elements = ''
  for (const value of values) elements += elements === '' ? (value ?? 'null') : `,${value ?? 'null'}`
  return `{${elements}}`
}

/**
 * Joins JSON texts with a separator that JSON never contains, because JSON escapes control characters. Unlike for an
 * array literal, neither the client nor the server has to check each character of the payloads for escapes.
 */
export function jsonList(texts: readonly string[]): string {
  return texts.join('\x1e')
}

/** Encodes ids, types, data, metadata and tags. Metadata and tags are null if no event has any. */
export function eventParameters(events: Iterable<PreparedEvent>): Parameters {
  const ids: string[] = []
  const types: string[] = []
  const payloads: string[] = []
  const metadatas: string[] = []
  const allTags: (string | null)[] = []
  let hasMetadata = false
  let hasTags = false
  for (const { id, type, data, metadata, tags } of events) {
    ids.push(id)
    types.push(type)
    payloads.push(data)
    metadatas.push(metadata === '{}' ? '' : metadata)
    hasMetadata ||= metadata !== '{}'
    allTags.push(tags.length === 0 ? null : textArray(tags))
    hasTags ||= tags.length > 0
  }
  return [
    plainArray(ids),
    textArray(types),
    jsonList(payloads),
    hasMetadata ? jsonList(metadatas) : null,
    hasTags ? textArray(allTags) : null,
  ]
}

/** Encodes the names and the versions of inline projections. */
export function namedParameters(named: readonly NamedProjection[]): [string, string] {
  return [textArray(named.map(({ name }) => name)), plainArray(named.map(({ version }) => version))]
}
