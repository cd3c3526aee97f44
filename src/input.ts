/**
 * The input rules, the same for every store, applied before anything is sent to a database. What passes
 * here can be stored and read back exactly; what does not is refused with an InvalidInputError.
 */

import { isNamedByLibrary } from './caused-events.ts'
import { InvalidInputError } from './errors.ts'
import type { Event, Metadata } from './event.ts'
import type { PreparedAppend, PreparedEvent } from './storage.ts'
import type { ExpectedVersion, StreamAppend } from './store.ts'
import { isUuid, uuidv7 } from './uuid.ts'

export interface InputLimits {
  /** Most bytes (UTF-8) of one event's payload, and of its metadata, as JSON. @default 1,048,576 */
  readonly maxPayloadBytes?: number | undefined
  /** Most bytes of all events of one call. @default 67,108,864 */
  readonly maxAppendBytes?: number | undefined
}

const maxNameBytes = 512
const maxDepth = 1000
const maxTags = 100
const defaultPayloadBytes = 1_048_576
const defaultAppendBytes = 67_108_864

/** How a refused value begins, in at most about 60 characters and without risk. */
export function beginning(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 50 ? `${value.slice(0, 50)}…` : value)
  if (typeof value === 'bigint') return `${String(value).slice(0, 50)}n`
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value)
  if (Array.isArray(value)) return `an array of ${value.length}`
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
  return typeof name === 'string' && name !== 'Object' ? `an instance of ${name}` : 'an object'
}

function refuse(field: string, problem: string, value: unknown): never {
  throw new InvalidInputError(field, problem, beginning(value))
}

function utf8Bytes(text: string): number {
  return Buffer.byteLength(text, 'utf8')
}

/** A name to read by: text that a database can hold. */
export function checkReadName(value: unknown, field: string): asserts value is string {
  if (typeof value !== 'string') refuse(field, 'must be a string', value)
  if (value === '') refuse(field, 'must not be empty', value)
  if (value.length * 3 > maxNameBytes && utf8Bytes(value) > maxNameBytes) {
    refuse(field, `must not exceed ${maxNameBytes} bytes of UTF-8 (it has ${utf8Bytes(value)})`, value)
  }
  if (value.includes('\0')) refuse(field, 'must not contain the NUL character', value)
  if (!value.isWellFormed()) refuse(field, 'must be well-formed Unicode (it has a lone surrogate)', value)
}

/** A filter by names: at least one. */
export function checkNames(value: unknown, field: string, problem: string): void {
  if (!Array.isArray(value) || value.length === 0) refuse(field, problem, value)
  for (const [index, name] of Array.from(value).entries()) checkName(name, `${field}[${index}]`)
}

/** A name to write: as above, and not one of the library's own, which begin with `$`. */
export function checkName(value: unknown, field: string): asserts value is string {
  checkReadName(value, field)
  if (value.startsWith('$')) refuse(field, 'must not begin with $, which is reserved', value)
}

export function checkInteger(value: unknown, field: string, least: number): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < least) {
    refuse(field, `must be a whole number from ${least} to 2^53 - 1`, value)
  }
}

// What a timer can wait for: it would go off at once if it were longer.
const longestWait = 2 ** 31 - 1

export function checkMilliseconds(value: unknown, field: string, least: number): asserts value is number {
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > longestWait) {
    refuse(field, `must be a whole number of milliseconds from ${least} to ${longestWait}`, value)
  }
}

export function checkDate(value: unknown, field: string): asserts value is Date {
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) refuse(field, 'must be a valid Date', value)
  // Years of four digits: the range that Postgres, ISO 8601 and a reader agree on.
  const year = value.getUTCFullYear()
  if (year < 1 || year > 9999) refuse(field, 'must be in the years 1 to 9999', value.toISOString())
}

export function checkOneOf(value: unknown, field: string, allowed: readonly string[]): void {
  if (!allowed.includes(value as string)) {
    refuse(field, `must be ${allowed.map((name) => `'${name}'`).join(' or ')}`, value)
  }
}

function checkExpectedVersion(value: unknown): asserts value is ExpectedVersion {
  if (value === 'any' || value === 'noStream' || value === 'streamExists') return
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    refuse('expectedVersion', "must be a version (0, 1, 2, …), 'any', 'noStream' or 'streamExists'", value)
  }
}

/** The JSON text of a value that will read back as it is now. */
export function toJson(value: unknown, field: string, maxBytes: number = defaultPayloadBytes): string {
  new JsonCheck(field, maxBytes).visit(value)
  const text = JSON.stringify(value)
  // JSON.stringify writes NUL and lone surrogates as escapes, so text without these is clean; text with them
  // may still be innocent (an escaped backslash before a "u"), which the slow look decides.
  if (/\\u(?:0000|d[89a-f])/.test(text)) checkStrings(value, field)
  if (text.length > maxBytes || (text.length * 3 > maxBytes && utf8Bytes(text) > maxBytes)) {
    throw new InvalidInputError(
      field,
      `must not exceed ${maxBytes} bytes as JSON (it has ${utf8Bytes(text)})`,
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
    if (value.includes('\0')) refuse(field, 'must not contain the NUL character', value)
    if (!value.isWellFormed()) refuse(field, 'must be well-formed Unicode (it has a lone surrogate)', value)
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
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuse(field, 'must be an object', value)
  return toJson(value, field, limits.maxPayloadBytes)
}

/** Checks events and turns them into what a storage keeps. `shared` is metadata for all of them. */
export class EventPreparation {
  readonly #shared: Metadata | undefined
  readonly #sharedJson: string
  readonly #limits: InputLimits

  constructor(shared: Metadata | undefined, limits: InputLimits) {
    this.#shared = shared
    this.#sharedJson = metadataJson(shared, 'metadata', limits)
    this.#limits = limits
  }

  /** `makeId`: if it is given, whoever makes the call again makes the same ids. */
  event(event: Event, field: string, makeId?: () => string): PreparedEvent {
    if (typeof event !== 'object' || event === null) refuse(field, 'must be an event: { type, data }', event)
    const { id, type, data, metadata, tags } = event
    checkName(type, `${field}.type`)
    if (id !== undefined && !isUuid(id)) refuse(`${field}.id`, 'must be a UUID', id)
    const isOurs = id === undefined ? makeId === undefined : isNamedByLibrary(event)
    return {
      id: id === undefined ? (makeId ?? uuidv7)() : id.toLowerCase(),
      idFrom: isOurs ? 'library' : 'caller',
      type,
      data: toJson(data, `${field}.data`, this.#limits.maxPayloadBytes),
      metadata: this.#metadata(metadata, field),
      tags: tags === undefined ? noTags : checkedTags(tags, field),
    }
  }

  #metadata(own: Metadata | undefined, field: string): string {
    if (own === undefined) return this.#sharedJson
    const json = metadataJson(own, `${field}.metadata`, this.#limits)
    if (this.#shared === undefined) return json
    return metadataJson({ ...this.#shared, ...own }, `${field}.metadata`, this.#limits)
  }

  append(
    streamId: string,
    events: readonly Event[],
    expectedVersion: ExpectedVersion = 'any',
  ): PreparedAppend {
    checkName(streamId, 'streamId')
    checkExpectedVersion(expectedVersion)
    if (!Array.isArray(events)) refuse('events', 'must be an array of events', events)
    // Array.from also meets the holes of an array.
    const prepared = Array.from(events, (event: Event, index) => this.event(event, `events[${index}]`))
    return { streamId, expectedVersion, events: prepared }
  }

  appends(appends: readonly StreamAppend[]): readonly PreparedAppend[] {
    if (!Array.isArray(appends)) refuse('appends', 'must be an array of { streamId, events }', appends)
    return Array.from(appends, (append: StreamAppend, index) => {
      if (typeof append !== 'object' || append === null)
        refuse(`appends[${index}]`, 'must be { streamId, events }', append)
      return this.append(append.streamId, append.events, append.expectedVersion)
    })
  }
}

const noTags: readonly string[] = Object.freeze([])

function checkedTags(tags: readonly string[], field: string): readonly string[] {
  if (!Array.isArray(tags)) refuse(`${field}.tags`, 'must be an array of names', tags)
  if (tags.length > maxTags) refuse(`${field}.tags`, `must not be more than ${maxTags}`, tags)
  for (const [index, tag] of tags.entries()) checkName(tag, `${field}.tags[${index}]`)
  return [...tags]
}

/** What holds for all events of a call together: no stream twice, no id twice, and not too much at once. */
export function checkCall(appends: readonly PreparedAppend[], limits: InputLimits): void {
  const most = limits.maxAppendBytes ?? defaultAppendBytes
  const ids = new Set<string>()
  let count = 0
  let total = 0
  for (const { events } of appends) {
    count += events.length
    for (const event of events) {
      total += event.data.length + event.metadata.length
      if (count > 1 || appends.length > 1) {
        if (ids.has(event.id)) refuse('events', 'must not hold the same event id twice', event.id)
        ids.add(event.id)
      }
    }
  }
  if (new Set(appends.map((append) => append.streamId)).size < appends.length) {
    refuse('appends', 'must name each stream once; put all events of a stream into one of them', appends)
  }
  if (total > most) {
    throw new InvalidInputError(
      'events',
      `must not exceed ${most} bytes of JSON together; append them in several calls`,
      `${total} bytes in ${count} events`,
    )
  }
}
