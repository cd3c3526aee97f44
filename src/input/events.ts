/**
 * Applies the input rules to events before the store sends anything to a database; they are the same for every store.
 * An event that passes can be stored and read back unchanged. Any other event is refused with an InvalidInputError.
 */
import { type Path, storedForm } from '../catalogue/accept.ts'
import type { KnownEvents } from '../catalogue/known-events.ts'
import type { StoredForm } from '../catalogue/stored-event.ts'
import { schemaVersionKey } from '../catalogue/stored-event.ts'
import { type EventIssue, InvalidEventError, InvalidInputError } from '../errors/index.ts'
import type { Event, Metadata } from '../event.ts'
import type { ExpectedVersion } from '../expected-version.ts'
import { presentCaller } from '../storage/caller.ts'
import type { PreparedAppend, PreparedEvent } from '../storage/storage.ts'
import type { StreamAppend } from '../store.ts'
import { isUuid, uuidv7 } from '../uuid.ts'
import { checkExpectedVersion, checkName, namesIn } from './checks.ts'
import { isNamedByLibrary } from './id-origin.ts'
import { checkMetadata, mergedMetadata, metadataJson, toJson } from './json.ts'
import { defaultAppendBytes, type InputLimits } from './limits.ts'
import { readSafely, refuse } from './refusal.ts'

const maxTags = 100

/** How to prepare an event. */
interface Preparing {
  /** The catalogue that validates the event and says in which form it is stored. */
  readonly known: KnownEvents | undefined
  /** Makes the id of an event without one. @default a new id */
  readonly makeId?: (() => string) | undefined
  /** The event already has its stored form. @default false */
  readonly isStored?: boolean
}

/**
 * Checks events and prepares them for a storage. `shared` is added to the metadata of each. `known`: the catalogue of the
 * store, which says whether an event is valid and in which form it is stored.
 */
export class EventPreparation {
  readonly #shared: Metadata | undefined
  readonly #sharedJson: string
  readonly #limits: InputLimits
  readonly #known: KnownEvents | undefined
  readonly #caller = presentCaller()
  /** What is wrong with the events so far, by the catalogue. */
  readonly #issues: EventIssue[] = []

  constructor(shared: Metadata | undefined, limits: InputLimits, known?: KnownEvents) {
    this.#shared = shared
    this.#sharedJson = metadataJson(shared, 'metadata', limits)
    this.#limits = limits
    this.#known = known
  }

  /**
   * Prepares one event of an import. An event without an id gets it from `makeId`, which must return the same id when the
   * caller repeats the call. `isStored`: the event already has its stored form, so the catalogue does not change it.
   * @throws InvalidInputError, or InvalidEventError if the event does not fit the catalogue
   */
  imported(event: Event, field: string, makeId: () => string, isStored: boolean): PreparedEvent {
    const known = isStored ? undefined : this.#known
    const prepared = readSafely(field, event, () =>
      this.#prepare(event, field, [field], { known, makeId, isStored }),
    )
    this.#throwIssues()
    return prepared
  }

  #prepare(
    event: Event,
    field: string,
    path: Path,
    { known, makeId, isStored = false }: Preparing,
  ): PreparedEvent {
    const { id, type, data, metadata, tags } = checkedEvent(event, field)
    checkName(type, `${field}.type`)
    if (id !== undefined) checkId(id, `${field}.id`)
    const isNewId = id === undefined ? makeId === undefined : isNamedByLibrary(event)
    const form: StoredForm = (known && storedForm(known, event, { type, data }, path, this.#issues)) ?? {
      type,
      data,
      schemaVersion: 1,
    }
    return {
      id: id === undefined ? (makeId ?? uuidv7)() : id.toLowerCase(),
      idFrom: isNewId ? 'library' : 'caller',
      type: form.type,
      data: toJson(form.data, `${field}.data`, this.#limits.maxPayloadBytes),
      metadata: withSchemaVersion(this.#metadata(metadata, field, isStored), form.schemaVersion),
      tags: tags === undefined ? noTags : checkedTags(tags, `${field}.tags`),
    }
  }

  #metadata(own: Metadata | undefined, field: string, isStored: boolean): string {
    if (own === undefined) return this.#sharedJson
    const json = metadataJson(own, `${field}.metadata`, this.#limits, isStored ? 'stored' : 'new')
    if (this.#shared === undefined) return json
    return metadataJson(mergedMetadata(this.#shared, own), `${field}.metadata`, this.#limits)
  }

  /** Prepares the events of one stream. @throws InvalidInputError, or InvalidEventError as `append` of the store does */
  append(
    streamId: string,
    events: readonly Event[],
    expectedVersion: ExpectedVersion = 'any',
  ): PreparedAppend {
    const prepared = this.#append(streamId, events, expectedVersion, ['events'])
    this.#throwIssues()
    return prepared
  }

  /** `path`: where the events are in the arguments of the call, for the issues of the catalogue. */
  #append(
    streamId: string,
    events: readonly Event[],
    expectedVersion: ExpectedVersion,
    path: Path,
  ): PreparedAppend {
    checkName(streamId, 'streamId')
    checkExpectedVersion(expectedVersion)
    const prepared = readSafely('events', events, () => {
      if (!Array.isArray(events)) refuse('events', 'must be an array of events', events)
      // Unlike `map`, Array.from also visits the holes of an array.
      return Array.from(events, (event: Event, index) => {
        const field = `events[${index}]`
        return readSafely(field, event, () =>
          this.#prepare(event, field, [...path, index], { known: this.#known }),
        )
      })
    })
    return { streamId, expectedVersion, events: prepared, caller: this.#caller }
  }

  /** Prepares the appends of one call to several streams. @throws InvalidInputError, InvalidEventError */
  appends(appends: readonly StreamAppend[]): readonly PreparedAppend[] {
    const prepared = readSafely('appends', appends, () => {
      if (!Array.isArray(appends)) refuse('appends', 'must be an array of { streamId, events }', appends)
      return Array.from(appends, (append: StreamAppend, index) =>
        readSafely(`appends[${index}]`, append, () => {
          if (typeof append !== 'object' || append === null || Array.isArray(append)) {
            refuse(`appends[${index}]`, 'must be { streamId, events }', append)
          }
          const { streamId, events, expectedVersion = 'any' } = append
          return this.#append(streamId, events, expectedVersion, ['appends', index, 'events'])
        }),
      )
    })
    this.#throwIssues()
    return prepared
  }

  #throwIssues(): void {
    if (this.#issues.length > 0) throw new InvalidEventError(this.#issues)
  }
}

/** Adds the version of the data to metadata, both as JSON text. Version 1 is not written. */
function withSchemaVersion(metadata: string, version: number): string {
  if (version === 1) return metadata
  const property = `${JSON.stringify(schemaVersionKey)}:${version}`
  return metadata === '{}' ? `{${property}}` : `${metadata.slice(0, -1)},${property}}`
}

/** Checks the id of an event. @throws InvalidInputError if it is no UUID */
export function checkId(value: unknown, field: string): void {
  if (!isUuid(value)) refuse(field, 'must be a UUID', value)
}

function checkedEvent(value: unknown, field: string): Event {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(field, 'must be an event: { type, data }', value)
  }
  return value as Event
}

/** Copies the events of a decision, and checks what the command handler uses of them. The append checks the rest. */
export function decidedEvents<E extends Event>(decided: unknown): readonly E[] {
  if (decided === undefined) return []
  return readSafely('events', decided, () =>
    Array.from(Array.isArray(decided) ? decided : [decided], (event: unknown, index) => {
      const field = `events[${index}]`
      return readSafely(field, event, () => {
        const { id, type, data, metadata, tags } = checkedEvent(event, field)
        if (id !== undefined) checkId(id, `${field}.id`)
        // The handler merges it with the command's metadata. The result would be an object even if this is none.
        if (metadata !== undefined) checkMetadata(metadata, `${field}.metadata`)
        return { id, type, data, metadata, tags } as unknown as E
      })
    }),
  )
}

const noTags: readonly string[] = Object.freeze([])

function checkedTags(tags: readonly string[], field: string): readonly string[] {
  return readSafely(field, tags, () => {
    if (!Array.isArray(tags)) refuse(field, 'must be an array of names', tags)
    if (tags.length > maxTags) refuse(field, `must not be more than ${maxTags}`, tags)
    return namesIn(tags, field)
  })
}

/**
 * Checks what must hold for all events of a call together: each stream once, each id once, and not more bytes than the
 * limit.
 * @throws InvalidInputError
 */
export function checkAppends(appends: readonly PreparedAppend[], limits: InputLimits): void {
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
  if (appends.length > 1 && new Set(appends.map((append) => append.streamId)).size < appends.length) {
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
