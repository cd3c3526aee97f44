/**
 * The input rules, the same for every store, applied before anything is sent to a database. What passes
 * here can be stored and read back exactly; what does not is refused with an InvalidInputError.
 */

import { isNamedByLibrary } from './caused-events.ts'
import { InvalidInputError } from './errors.ts'
import type { Event, Metadata } from './event.ts'
import { optionsOf } from './options.ts'
import { beginning, reading, refuse } from './refusal.ts'
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
  checkCharacters(value, field)
}

/** A filter by names: at least one. A copy, as the caller's array may change later. */
export function checkedNames(value: unknown, field: string, problem: string): readonly string[] {
  return reading(field, value, () => {
    if (!Array.isArray(value) || value.length === 0) refuse(field, problem, value)
    return namesIn(value, field)
  })
}

function namesIn(values: readonly unknown[], field: string): readonly string[] {
  // Array.from also meets the holes of an array.
  return Array.from(values, (name, index) => {
    checkName(name, `${field}[${index}]`)
    return name
  })
}

/** A name to write: as above, and not one of the library's own, which begin with `$`. */
export function checkName(value: unknown, field: string): asserts value is string {
  checkReadName(value, field)
  if (value.startsWith('$')) refuse(field, 'must not begin with $, which is reserved', value)
}

export function checkInteger(
  value: unknown,
  field: string,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most) {
    const limit = most === Number.MAX_SAFE_INTEGER ? '2^53 - 1' : most
    refuse(field, `must be a whole number from ${least} to ${limit}`, value)
  }
}

// What a timer can wait for: it would go off at once if it were longer.
const longestWait = 2 ** 31 - 1

export function checkMilliseconds(value: unknown, field: string, least: number): asserts value is number {
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > longestWait) {
    refuse(field, `must be a whole number of milliseconds from ${least} to ${longestWait}`, value)
  }
}

/** A copy, as the caller's Date may change later. */
export function checkedDate(value: unknown, field: string): Date {
  const date = dateOf(value)
  if (date === undefined || Number.isNaN(date.getTime())) refuse(field, 'must be a valid Date', value)
  // Years of four digits: the range that Postgres, ISO 8601 and a reader agree on.
  const year = date.getUTCFullYear()
  if (year < 1 || year > 9999) refuse(field, 'must be in the years 1 to 9999', date.toISOString())
  return date
}

/** Only what is a Date tells its time to the method of all Dates: also one of another realm, but none that inherits from one. */
function dateOf(value: unknown): Date | undefined {
  try {
    return new Date(Date.prototype.getTime.call(value as Date))
  } catch {
    return undefined
  }
}

export function checkOneOf(value: unknown, field: string, allowed: readonly string[]): void {
  if (!allowed.includes(value as string)) {
    refuse(field, `must be ${allowed.map((name) => `'${name}'`).join(' or ')}`, value)
  }
}

export function checkExpectedVersion(value: unknown): asserts value is ExpectedVersion {
  if (value === 'any' || value === 'noStream' || value === 'streamExists') return
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    refuse('expectedVersion', "must be a version (0, 1, 2, …), 'any', 'noStream' or 'streamExists'", value)
  }
}

/** Text of any length. */
export function checkText(value: unknown, field: string): asserts value is string {
  if (typeof value !== 'string') refuse(field, 'must be a string', value)
  checkCharacters(value, field)
}

function checkCharacters(text: string, field: string): void {
  if (text.includes('\0')) refuse(field, 'must not contain the NUL character', text)
  if (!text.isWellFormed()) refuse(field, 'must be well-formed Unicode (it has a lone surrogate)', text)
}

/** The JSON text of a value that will read back as it is now. */
export function toJson(value: unknown, field: string, maxBytes: number = defaultPayloadBytes): string {
  return reading(field, value, () => textOf(value, field, maxBytes))
}

function textOf(value: unknown, field: string, maxBytes: number): string {
  new JsonCheck(field, maxBytes).visit(value)
  const text = JSON.stringify(value)
  // JSON.stringify writes NUL and lone surrogates as escapes, so text without these is clean; text with them
  // may still be innocent (an escaped backslash before a "u"), which the slow look decides.
  // The text is looked at, and not the value, whose getters may give something else each time.
  if (/\\u(?:0000|d[89a-f])/.test(text)) checkStrings(JSON.parse(text), field)
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
  return reading(field, value, () => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      refuse(field, 'must be an object', value)
    }
    return toJson(value, field, limits.maxPayloadBytes)
  })
}

/** The limits of a store. */
export function checkedLimits(limits: InputLimits): InputLimits {
  const { maxPayloadBytes, maxAppendBytes } = optionsOf(limits, ['maxPayloadBytes', 'maxAppendBytes'])
  if (maxPayloadBytes !== undefined) checkInteger(maxPayloadBytes, 'maxPayloadBytes', 1)
  if (maxAppendBytes !== undefined) checkInteger(maxAppendBytes, 'maxAppendBytes', 1)
  return { maxPayloadBytes, maxAppendBytes }
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
    return reading(field, event, () => this.#prepare(event, field, makeId))
  }

  #prepare(event: Event, field: string, makeId: (() => string) | undefined): PreparedEvent {
    const { id, type, data, metadata, tags } = eventIn(event, field)
    checkName(type, `${field}.type`)
    if (id !== undefined) checkId(id, `${field}.id`)
    const isOurs = id === undefined ? makeId === undefined : isNamedByLibrary(event)
    return {
      id: id === undefined ? (makeId ?? uuidv7)() : id.toLowerCase(),
      idFrom: isOurs ? 'library' : 'caller',
      type,
      data: toJson(data, `${field}.data`, this.#limits.maxPayloadBytes),
      metadata: this.#metadata(metadata, field),
      tags: tags === undefined ? noTags : checkedTags(tags, `${field}.tags`),
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
    const prepared = reading('events', events, () => {
      if (!Array.isArray(events)) refuse('events', 'must be an array of events', events)
      // Array.from also meets the holes of an array.
      return Array.from(events, (event: Event, index) => this.event(event, `events[${index}]`))
    })
    return { streamId, expectedVersion, events: prepared }
  }

  appends(appends: readonly StreamAppend[]): readonly PreparedAppend[] {
    return reading('appends', appends, () => {
      if (!Array.isArray(appends)) refuse('appends', 'must be an array of { streamId, events }', appends)
      return Array.from(appends, (append: StreamAppend, index) =>
        reading(`appends[${index}]`, append, () => {
          if (typeof append !== 'object' || append === null || Array.isArray(append)) {
            refuse(`appends[${index}]`, 'must be { streamId, events }', append)
          }
          return this.append(append.streamId, append.events, append.expectedVersion)
        }),
      )
    })
  }
}

function checkId(value: unknown, field: string): void {
  if (!isUuid(value)) refuse(field, 'must be a UUID', value)
}

function eventIn(value: unknown, field: string): Event {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(field, 'must be an event: { type, data }', value)
  }
  return value as Event
}

/** The events that a decision gives, copied with all that can be appended. Whoever appends them checks the rest. */
export function decidedEvents<E extends Event>(decided: unknown): readonly E[] {
  if (decided === undefined) return []
  return reading('events', decided, () =>
    Array.from(Array.isArray(decided) ? decided : [decided], (event: unknown, index) => {
      const field = `events[${index}]`
      return reading(field, event, () => {
        const { id, type, data, metadata, tags } = eventIn(event, field)
        if (id !== undefined) checkId(id, `${field}.id`)
        // It will be merged with that of the command, and would then be an object whatever it was.
        if (metadata !== undefined) checkMetadata(metadata, `${field}.metadata`)
        return { id, type, data, metadata, tags } as unknown as E
      })
    }),
  )
}

/** Metadata as such; how large it may be is the store's to say. */
export function checkMetadata(value: unknown, field: string): void {
  metadataJson(value, field, { maxPayloadBytes: Number.MAX_SAFE_INTEGER })
}

const noTags: readonly string[] = Object.freeze([])

function checkedTags(tags: readonly string[], field: string): readonly string[] {
  return reading(field, tags, () => {
    if (!Array.isArray(tags)) refuse(field, 'must be an array of names', tags)
    if (tags.length > maxTags) refuse(field, `must not be more than ${maxTags}`, tags)
    return namesIn(tags, field)
  })
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
