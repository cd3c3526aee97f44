/** JSON that reads back exactly as it was given. What would not is refused with an InvalidInputError. */
import { InvalidInputError } from '../errors/index.ts'
import { checkCharacters } from './checks.ts'
import { defaultPayloadBytes, type InputLimits } from './limits.ts'
import { beginning, readSafely, refuse } from './refusal.ts'

const maxDepth = 1000

/** The JSON text of a value that will read back as it is now. */
export function toJson(value: unknown, field: string, maxBytes: number = defaultPayloadBytes): string {
  return readSafely(field, value, () => textOf(value, field, maxBytes))
}

function textOf(value: unknown, field: string, maxBytes: number): string {
  new JsonCheck(field, maxBytes).visit(value)
  const text = JSON.stringify(value)
  // JSON.stringify writes NUL and lone surrogates as escapes, so text without these is clean; text with them
  // may still be innocent (an escaped backslash before a "u"), which the slow look decides.
  // The text is looked at, and not the value, whose getters may give something else each time.
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

/** A plain object or array, also one of another realm: one prototype, or an array's two, and no more. */
function isPlain(value: object): boolean {
  const own: unknown = Object.getPrototypeOf(value)
  const prototype: unknown = Array.isArray(value) && own !== null ? Object.getPrototypeOf(own) : own
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** Walks a value before it is stringified, and remembers where it is for the sake of the error. */
class JsonCheck {
  readonly #path: (string | number)[] = []
  readonly #field: string
  // A value shared many times over may be small in memory and endless as JSON: stop when it cannot fit any more.
  #nodesLeft: number

  constructor(field: string, maxBytes: number) {
    this.#field = field
    this.#nodesLeft = maxBytes
  }

  visit(value: unknown): void {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        break
      case 'number':
        if (!Number.isFinite(value)) this.#refuse('must be a finite number to survive as JSON', value)
        break
      case 'object':
        if (value !== null) this.#visitObject(value)
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
    if (!isPlain(value)) {
      this.#refuse('must be plain JSON (an object of a class would not read back as one)', value)
    }
    // JSON.stringify would ask it, however hidden it is, and write something that was not checked.
    if ('toJSON' in value && typeof value.toJSON === 'function') {
      this.#refuse('must be plain JSON (its toJSON would write something else)', value)
    }
    if (Array.isArray(value)) {
      this.#spend(value.length, value)
      for (let index = 0; index < value.length; index++) this.#visitMember(index, value[index])
      return
    }
    const keys = Object.keys(value)
    this.#spend(keys.length, value)
    for (const key of keys) {
      const member = (value as Record<string, unknown>)[key]
      // A property that is undefined reads back as absent, which is the same to whoever looks at it.
      if (member !== undefined) this.#visitMember(key, member)
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

/** The JSON text of a document's state, which may be as large as the database allows. */
export function stateJson(value: unknown, field: string): string {
  return toJson(value, field, Number.MAX_SAFE_INTEGER)
}

/** The JSON text of metadata: an object, or nothing. */
export function metadataJson(value: unknown, field: string, limits: InputLimits): string {
  if (value === undefined) return '{}'
  return readSafely(field, value, () => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      refuse(field, 'must be an object', value)
    }
    return toJson(value, field, limits.maxPayloadBytes)
  })
}

/** Metadata as such; how large it may be is the store's to say. */
export function checkMetadata(value: unknown, field: string): void {
  metadataJson(value, field, { maxPayloadBytes: Number.MAX_SAFE_INTEGER })
}
