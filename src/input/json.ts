/** Writes values as JSON that reads back equal to the value. Throws an InvalidInputError for any other value. */
import { InvalidInputError } from '../errors/index.ts'
import type { Metadata } from '../event.ts'
import { checkCharacters } from './checks.ts'
import { defaultPayloadBytes, type InputLimits } from './limits.ts'
import { beginning, readSafely, refuse } from './refusal.ts'
import { checkMetadataKeys, type MetadataForm } from './reserved-metadata.ts'

const maxDepth = 1000

/**
 * Returns the JSON text of a value. @throws InvalidInputError if the text would not read back equal, or is too large
 */
export function toJson(value: unknown, field: string, maxBytes: number = defaultPayloadBytes): string {
  return readSafely(field, value, () => textOf(value, field, maxBytes))
}

function textOf(value: unknown, field: string, maxBytes: number): string {
  new JsonCheck(field, maxBytes).visit(value)
  const text = JSON.stringify(value)
  // JSON.stringify writes NUL and lone surrogates as escapes, so text without such escapes is clean. Text with them may
  // still be clean (an escaped backslash before a "u"): the slow check decides. It checks the text and not the value,
  // because a getter of the value may return something else each time.
  if (/\\u(?:0000|d[89a-f])/.test(text)) checkStrings(JSON.parse(text), field)
  if (text.length > maxBytes || (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes)) {
    throw new InvalidInputError(
      field,
      `must not exceed ${maxBytes} bytes as JSON (it has ${Buffer.byteLength(text)})`,
      beginning(text),
    )
  }
  return text
}

/** Returns true for a plain object or array, also one of another realm: only classes have a longer prototype chain. */
function isPlain(value: object): boolean {
  const own: unknown = Object.getPrototypeOf(value)
  const prototype: unknown = Array.isArray(value) && own !== null ? Object.getPrototypeOf(own) : own
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** Returns true for a value without members that JSON can hold. The check never needs the path of such a value. */
function isLeaf(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    default:
      return value === null
  }
}

/** Walks through a value before it is stringified, and keeps the present path for the error message. */
class JsonCheck {
  readonly #path: (string | number)[] = []
  readonly #field: string
  // An object that is referred to many times may be small in memory and endless as JSON. The walk stops once the text
  // must exceed the limit.
  #nodesLeft: number

  constructor(field: string, maxBytes: number) {
    this.#field = field
    this.#nodesLeft = maxBytes
  }

  visit(value: unknown): void {
    if (isLeaf(value)) return
    switch (typeof value) {
      case 'object':
        this.#visitObject(value as object)
        break
      case 'number':
        this.#refuse('must be a finite number to survive as JSON', value)
        break
      case 'undefined':
        this.#refuse('must be a JSON value (use null or {} for nothing)', value)
        break
      default:
        this.#refuse('must be a JSON value', value)
    }
  }

  #visitObject(value: object): void {
    if (this.#path.length >= maxDepth) {
      this.#refuse(`must not be nested deeper than ${maxDepth} levels, nor refer to itself`, value)
    }
    if (value instanceof Date) {
      this.#refuse('must be plain JSON: keep a date as an ISO string, date.toISOString()', value)
    }
    if (!isPlain(value)) {
      this.#refuse('must be plain JSON (an object of a class would not read back as one)', value)
    }
    // JSON.stringify would call even an inherited or hidden toJSON, and write a value that was not checked.
    if ('toJSON' in value && typeof value.toJSON === 'function') {
      this.#refuse('must be plain JSON (its toJSON would write something else)', value)
    }
    if (Array.isArray(value)) {
      this.#spend(value.length, value)
      for (let index = 0; index < value.length; index++) {
        const member: unknown = value[index]
        if (!isLeaf(member)) this.#visitMember(index, member)
      }
      return
    }
    const keys = Object.keys(value)
    this.#spend(keys.length, value)
    for (const key of keys) {
      const member = (value as Record<string, unknown>)[key]
      // An undefined property reads back as absent: reading either returns undefined.
      if (member !== undefined && !isLeaf(member)) this.#visitMember(key, member)
    }
  }

  #visitMember(key: string | number, member: unknown): void {
    this.#path.push(key)
    this.visit(member)
    this.#path.pop()
  }

  #spend(nodes: number, value: unknown): void {
    this.#nodesLeft -= nodes
    if (this.#nodesLeft < 0) this.#refuse('is larger than the limit on its JSON', value)
  }

  #refuse(problem: string, value: unknown): never {
    const shown = this.#path
      .slice(0, 8)
      .map((key) => (typeof key === 'number' ? `[${key}]` : `.${key.slice(0, 40)}`))
    refuse(this.#field + shown.join('') + (this.#path.length > 8 ? '…' : ''), problem, value)
  }
}

function checkStrings(value: unknown, field: string): void {
  if (typeof value === 'string') {
    checkCharacters(value, field)
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      checkStrings(key, field)
      checkStrings(member, Array.isArray(value) ? `${field}[${key}]` : `${field}.${key.slice(0, 40)}`)
    }
  }
}

/** Returns the JSON text of a document's state. Only the database limits its size. @throws InvalidInputError */
export function stateJson(value: unknown, field: string): string {
  return toJson(value, field, Number.MAX_SAFE_INTEGER)
}

/**
 * Returns the JSON text of metadata; `{}` if it is undefined.
 * @throws InvalidInputError if it is no plain JSON object, or has a reserved key
 */
export function metadataJson(
  value: unknown,
  field: string,
  limits: InputLimits,
  form: MetadataForm = 'new',
): string {
  if (value === undefined) return '{}'
  return readSafely(field, value, () => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      refuse(field, 'must be an object', value)
    }
    const json = toJson(value, field, limits.maxPayloadBytes)
    // The check reads the text, because the value may have getters that return something else each time.
    if (json.includes('"$')) checkMetadataKeys(JSON.parse(json), field, form)
    return json
  })
}

/**
 * Merges checked metadata: the properties of a later part win. A property that is undefined counts as absent, so it
 * does not replace that of an earlier part, as it would in a spread.
 */
export function mergedMetadata(...parts: readonly (Metadata | undefined)[]): Metadata {
  // Like a spread, and unlike an assignment, Object.fromEntries makes a property even of the key `__proto__`.
  return Object.fromEntries(
    parts.flatMap((part) => Object.entries(part ?? {}).filter(([, value]) => value !== undefined)),
  )
}

/** Checks metadata, but not its size, which the store limits. @throws InvalidInputError */
export function checkMetadata(value: unknown, field: string): void {
  metadataJson(value, field, { maxPayloadBytes: Number.MAX_SAFE_INTEGER })
}
