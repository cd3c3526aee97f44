/** Copies JSON values as a database would return them. */

/**
 * Copies a value that passed the input rules, with the result of `JSON.parse(JSON.stringify(value))`: undefined
 * properties are absent, and minus zero is zero. Several times faster than writing and parsing the text.
 */
export function jsonRoundTrip<T>(value: T): T
export function jsonRoundTrip(value: unknown): unknown {
  if (typeof value === 'number') return value === 0 ? 0 : value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(jsonRoundTrip)
  const copy: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue
    // An assignment to `__proto__` would set the copy's prototype and create no property.
    if (key === '__proto__') Object.defineProperty(copy, key, { ...ordinary, value: jsonRoundTrip(member) })
    else copy[key] = jsonRoundTrip(member)
  }
  return copy
}

const ordinary = { enumerable: true, writable: true, configurable: true }
