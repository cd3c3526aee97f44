/** Values as the texts that the statements cast: Postgres array literals and lists of JSON. */

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
