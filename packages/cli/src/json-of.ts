/** Writes any value as JSON that a person can read: also maps, sets, dates, big numbers, and objects of classes. */

/** What JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export interface JsonLimits {
  /** How deep values are shown; what is deeper becomes `[too deep]`. @default 200 */
  readonly depth?: number | undefined
  /** How many values are shown; the others become `[too many values]`. @default 500,000 */
  readonly values?: number | undefined
}

/**
 * Returns a copy of a value as JSON. It shares no object with the value, and never throws.
 *
 * - A `Map` whose keys are texts or numbers becomes an object, any other one an array of pairs; a `Set` an array.
 * - A `bigint`, `NaN`, a `Date`, a `RegExp`, a `URL`, a symbol and a function become texts, and bytes become base64.
 * - An error becomes its name and message, and an object of a class its own properties, or what its `toJSON` returns.
 * - `undefined` is left out of objects, and is `null` elsewhere.
 * - An object within itself becomes `[circular]`, and a property that throws `[unreadable]`.
 */
export function jsonOf(value: unknown, { depth = 200, values = 500_000 }: JsonLimits = {}): Json {
  return new Writer(depth, values).write(value, 0) ?? null
}

class Writer {
  readonly #depth: number
  #left: number
  /** The objects around the value that is being written. */
  readonly #around = new Set<object>()

  constructor(depth: number, values: number) {
    this.#depth = depth
    this.#left = values
  }

  /** Returns undefined only for `undefined`. */
  write(value: unknown, depth: number): Json | undefined {
    if (this.#left-- <= 0) return '[too many values]'
    switch (typeof value) {
      case 'undefined':
        return undefined
      case 'string':
      case 'boolean':
        return value
      case 'number':
        return Number.isFinite(value) ? value : String(value)
      case 'bigint':
      case 'symbol':
        return String(value)
      case 'object':
        return value === null ? null : this.#writeObject(value, depth)
      default:
        return '[function]'
    }
  }

  #writeObject(value: object, depth: number): Json | undefined {
    if (this.#around.has(value)) return '[circular]'
    if (depth >= this.#depth) return '[too deep]'
    this.#around.add(value)
    try {
      return this.#writeParts(value, depth + 1)
    } catch {
      // A proxy, a getter or a `toJSON` may throw anything.
      return '[unreadable]'
    } finally {
      this.#around.delete(value)
    }
  }

  #writeParts(value: object, depth: number): Json | undefined {
    if (Array.isArray(value)) return this.#writeItems(value, depth)
    if (value instanceof Map) return this.#writeMap(value, depth)
    if (value instanceof Set) return this.#writeItems(value, depth)
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
    if (value instanceof RegExp || value instanceof URL) return String(value)
    if (value instanceof Error) return { name: String(value.name), message: String(value.message) }
    if (value instanceof ArrayBuffer) return Buffer.from(value).toString('base64')
    if (ArrayBuffer.isView(value)) {
      return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
    }
    if (value instanceof Number || value instanceof String || value instanceof Boolean) {
      return this.write(value.valueOf(), depth)
    }
    const { toJSON } = value as { readonly toJSON?: unknown }
    if (typeof toJSON === 'function') {
      const json: unknown = toJSON.call(value)
      if (json !== value) return this.write(json, depth)
    }
    return this.#writeEntries(
      Object.keys(value).map((key) => [key, () => (value as Record<string, unknown>)[key]]),
      depth,
    )
  }

  #writeItems(items: Iterable<unknown>, depth: number): Json {
    const written: Json[] = []
    for (const item of items) {
      written.push(this.write(item, depth) ?? null)
      if (this.#left <= 0) break
    }
    return written
  }

  #writeMap(map: ReadonlyMap<unknown, unknown>, depth: number): Json {
    const keys = [...map.keys()]
    const texts = new Set(keys.map(String))
    const isObject =
      texts.size === keys.length && keys.every((key) => typeof key === 'string' || typeof key === 'number')
    if (!isObject) return this.#writeItems(map.entries(), depth)
    return this.#writeEntries(
      [...map].map(([key, member]) => [String(key), () => member]),
      depth,
    )
  }

  #writeEntries(members: readonly (readonly [string, () => unknown])[], depth: number): Json {
    const written: [string, Json][] = []
    for (const [key, read] of members) {
      const member = this.#writeMember(read, depth)
      if (member !== undefined) written.push([key, member])
      if (this.#left <= 0) break
    }
    // Unlike an assignment, it makes a property of `__proto__` too.
    return Object.fromEntries(written)
  }

  #writeMember(read: () => unknown, depth: number): Json | undefined {
    let member: unknown
    try {
      member = read()
    } catch {
      return '[unreadable]'
    }
    return this.write(member, depth)
  }
}
