/**
 * A catalogue at run time: how each stored event is read today, and how each of today's events is stored.
 *
 *     stored name ──▶ route ──▶ an event of today, after the steps from its stored version
 *                        └────▶ parts: several events of today, or none
 */
import { refuse } from '../input/refusal.ts'
import { uuidOf } from '../uuid.ts'
import type { EventDefinitions } from './definitions.ts'
import type { StandardSchema } from './standard-schema.ts'
import type { StoredEvent } from './stored-event.ts'

/** Makes data from older data. */
export type DataStep = (data: unknown, stored: StoredEvent) => unknown

/** The events that a stored event is read as: for each type, the function that makes its data. */
export type Parts = ReadonlyMap<string, DataStep>

/** An event of today. */
export interface KnownEvent {
  readonly type: string
  /** Undefined if only the compiler knows the type of the data. */
  readonly schema: StandardSchema | undefined
  /** The version of its data today. */
  readonly version: number
  /** For each older version, the step to the next one, or the parts that it is read as. */
  readonly steps: ReadonlyMap<number, DataStep | Parts>
  /** How it is stored while older processes run. */
  readonly writeAs: WrittenForm | undefined
}

export interface WrittenForm {
  readonly type: string
  readonly version: number
  /** Makes the data of the older version; undefined if only the name differs. */
  readonly convert: ((data: unknown) => unknown) | undefined
}

export type Route = KnownEvent | Parts

/** What reading does with a stored event that the catalogue does not have. */
export type UnknownPolicy = 'refuse' | 'skip'

export function isParts(value: Route | DataStep): value is Parts {
  return value instanceof Map
}

// Each snapshot has the text of the upcasts, so a longer one is replaced with a short one that is derived from it.
const mostUpcastText = 200

export class KnownEvents {
  readonly events: ReadonlyMap<string, KnownEvent>
  /** By stored name. */
  readonly routes: ReadonlyMap<string, Route>
  readonly unknown: UnknownPolicy
  /** True if only the compiler knows the events: then every name is known, and every event is read as it is stored. */
  readonly isOpen: boolean
  /** For each stored name that may be read as events of other names: those names. */
  readonly #partTypes: ReadonlyMap<string, ReadonlySet<string>>

  constructor(
    events: ReadonlyMap<string, KnownEvent>,
    routes: ReadonlyMap<string, Route>,
    unknown: UnknownPolicy,
    isOpen = false,
  ) {
    this.events = events
    this.routes = routes
    this.unknown = unknown
    this.isOpen = isOpen
    this.#partTypes = new Map(
      [...routes].flatMap(([name, route]) => {
        const all = isParts(route) ? [route] : [...route.steps.values()].filter(isParts)
        return all.length === 0 ? [] : [[name, new Set(all.flatMap((parts) => [...parts.keys()]))] as const]
      }),
    )
  }

  /**
   * Returns the stored names that may be read as these types, and whether each event with one of the names is read as one
   * of the types. No names: all events must be read, so that the reader meets events that the catalogue does not have.
   */
  storedTypes(types: readonly string[]): {
    readonly types: readonly string[] | undefined
    readonly isExact: boolean
  } {
    if (this.isOpen) return { types, isExact: true }
    const wanted = new Set(types)
    const isAll = [...this.events.keys()].every((type) => wanted.has(type))
    if (isAll) return { types: undefined, isExact: true }
    const names = new Set<string>()
    let isExact = true
    for (const [name, route] of this.routes) {
      const parts = this.#partTypes.get(name)
      const isWanted = !isParts(route) && wanted.has(route.type)
      if (!isWanted && ![...(parts ?? [])].some((type) => wanted.has(type))) continue
      names.add(name)
      if (parts !== undefined) isExact = false
    }
    return { types: [...names], isExact }
  }

  /** Returns the types that events with this stored name may be read as; the name itself if the catalogue lacks it. */
  typesToday(name: string): readonly string[] {
    const route = this.routes.get(name)
    if (route === undefined) return [name]
    const parts = this.#partTypes.get(name) ?? []
    return [...new Set(isParts(route) ? parts : [route.type, ...parts])]
  }

  /**
   * Returns a text that changes with each change of the catalogue that may change a state folded from these types (none
   * given: from all events). A snapshot keeps it. If unknown events are skipped, it changes with each new event: stored ones
   * may have been skipped so far.
   */
  upcastText(types: readonly string[] = []): string {
    const wanted = new Set(types.length === 0 ? this.events.keys() : types)
    const texts: string[] = []
    for (const [name, route] of this.routes) {
      const today = this.typesToday(name)
      // An event that is read as none may have been one of these types.
      if (today.length > 0 && !today.some((type) => wanted.has(type))) continue
      if (isParts(route) || name !== route.type) texts.push(`${name} ${today.join('+')}`)
      else if (route.version > 1) texts.push(`${name} ${route.version}`)
    }
    if (this.unknown === 'skip')
      texts.push(`skips all but ${uuidOf('known', ...[...this.routes.keys()].sort())}`)
    const text = texts.sort().join(', ')
    return text.length > mostUpcastText ? uuidOf('upcasts', text) : text
  }
}

const knownEvents = new WeakMap<object, KnownEvents>()

/** Returns the known events of a catalogue. @throws InvalidInputError if the value is no catalogue */
export function knownEventsOf(definitions: EventDefinitions): KnownEvents
export function knownEventsOf(definitions: EventDefinitions | undefined): KnownEvents | undefined
export function knownEventsOf(definitions: EventDefinitions | undefined): KnownEvents | undefined {
  if (definitions === undefined) return undefined
  const known =
    typeof definitions === 'object' && definitions !== null ? knownEvents.get(definitions) : undefined
  return known ?? refuse('events', 'must be made by defineEvents() or mergeEvents()', definitions)
}

/** The catalogues with some events of another one, which `pick` has made. */
const pickedCatalogues = new WeakSet<object>()

/** Notes the known events of a catalogue, and whether it has only some of them. */
export function registerKnownEvents(catalogue: object, known: KnownEvents, isPicked: boolean): void {
  knownEvents.set(catalogue, known)
  if (isPicked) pickedCatalogues.add(catalogue)
}

/** Whether `pick` has made the catalogue. Then it stays as it is when its program gets more events. */
export function isPicked(catalogue: EventDefinitions): boolean {
  return pickedCatalogues.has(catalogue)
}

/** Whether a value is a catalogue. */
export function isCatalogue(value: unknown): value is EventDefinitions {
  return typeof value === 'object' && value !== null && knownEvents.has(value)
}

/** Returns the types of a catalogue for a filter. Undefined if only the compiler knows them: then there is no filter. */
export function typesOf({ types }: EventDefinitions): readonly string[] | undefined {
  return types.length === 0 ? undefined : types
}
