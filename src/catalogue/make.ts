/** Makes deciders, projections and subscriptions of the events of a catalogue. */
import type { Decider } from '../command/decider.ts'
import { changeOf, inPlace } from '../command/in-place.ts'
import type { Event, RecordedEvent } from '../event.ts'
import { checkFunction } from '../input/checks.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import type { DocumentProjection } from '../projection/projection.ts'
import { projection, type RawProjection } from '../projection/projection.ts'
import type { HandlerSubscription } from '../subscription/subscription.ts'
import type { EventDefinitions } from './definitions.ts'
import { typesOf } from './known-events.ts'
import type { CatalogueProjection, CatalogueRawProjection, CatalogueSubscription } from './made.ts'
import { nearestName } from './nearest-name.ts'
import { requiring } from './required-events.ts'

// The signatures of `Catalogue` give these functions their types. Here, states and events may have any type.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Any = any
type Evolve = (state: Any, event: RecordedEvent, key: string) => Any
type EvolveData = (state: Any, data: Any, event: RecordedEvent, key: string) => Any

interface DeciderParts {
  readonly initialState: () => unknown
  readonly decide?: unknown
  readonly commands?: unknown
  readonly evolve: unknown
}

/** @throws InvalidInputError if a function is missing */
export function makeDecider(definitions: EventDefinitions, parts: DeciderParts): Decider<Any, Any, Any> {
  return readSafely('decider', parts, () => {
    checkObject(parts, 'decider')
    const { initialState, decide, commands, evolve } = parts
    checkFunction(initialState, 'decider.initialState')
    if (decide !== undefined && commands !== undefined)
      refuse('decider.commands', 'must not be given with decide: give one of them', commands)
    if (commands === undefined) checkFunction(decide, 'decider.decide')
    return {
      events: definitions,
      initialState: initialState.bind(parts),
      decide:
        commands === undefined
          ? (decide as Decider<Any, Any, Any>['decide']).bind(parts)
          : decideByName(commands),
      evolve: evolveOf(parts, evolve, definitions.types, 'decider.evolve') as Decider<
        Any,
        Any,
        Any
      >['evolve'],
    }
  })
}

/** @throws InvalidInputError if an option breaks its rule */
export function makeProjection(
  definitions: EventDefinitions,
  options: CatalogueProjection<Any, Any>,
): DocumentProjection<Any, Any> {
  return readSafely('options', options, () => {
    checkObject(options, 'options')
    const { name, version, streamPrefix, key, initialState, evolve } = options
    return projection<Any, Any>({
      ...{ name, version, streamPrefix, events: definitions },
      ...{ key: boundTo(options, key), initialState: boundTo(options, initialState) },
      evolve: evolveOf(options, evolve, definitions.types, 'evolve'),
    })
  })
}

/** @throws InvalidInputError if an option breaks its rule */
export function makeRawProjection(
  definitions: EventDefinitions,
  options: CatalogueRawProjection<Any, Any>,
): RawProjection<Any, Any> {
  return readSafely('options', options, () => {
    checkObject(options, 'options')
    const { name, version, streamPrefix, handle } = options
    checkFunction(handle, 'handle')
    return projection<never, Any>({
      ...{ name, version, streamPrefix, events: definitions },
      handle: boundTo(options, handle),
    })
  })
}

/** `subscribe` checks the other options. @throws InvalidInputError if `types` is given */
export function makeSubscription(
  definitions: EventDefinitions,
  options: CatalogueSubscription<Any, Any>,
): HandlerSubscription<Any, Any> {
  return readSafely('options', options, () => {
    checkObject(options, 'options')
    if (options.types !== undefined)
      refuse('types', 'must not be given: pick(…) selects the events of a subscription', options.types)
    // The functions are copied by name, because a spread does not copy methods of a class.
    const { handle, handleBatch } = options as { readonly handle?: unknown; readonly handleBatch?: unknown }
    return {
      ...options,
      ...(handle !== undefined && { handle }),
      ...(handleBatch !== undefined && { handleBatch }),
      types: typesOf(definitions),
      ...requiring(definitions),
    } as HandlerSubscription<Any, Any>
  })
}

/** Returns the function with `owner` as its `this`. Leaves a value that is no function to the check that follows. */
function boundTo<F>(owner: object, one: F): F {
  return typeof one === 'function' ? one.bind(owner) : one
}

/** Returns one function for all events. `types`: the types that must have a function; empty if they are not known. */
function evolveOf(owner: object, evolve: unknown, types: readonly string[], field: string): Evolve {
  if (typeof evolve === 'function') {
    const change = changeOf(evolve)
    return change === undefined ? evolve.bind(owner) : inPlace<Any, Any>(change.bind(owner))
  }
  const functions = readSafely(field, evolve, () => {
    checkObject(evolve, field, 'must be a function, or an object with one function for each type of event')
    return functionsOf(evolve, field)
  })
  for (const type of types) checkFunction(functions.get(type), `${field}.${type}`)
  for (const name of functions.keys()) {
    if (types.length === 0 || types.includes(name)) continue
    const nearest = nearestName(name, types)
    const hint = nearest === undefined ? '' : ` (did you mean '${nearest}'?)`
    refuse(`${field}.${name}`, `must have the name of one of the events${hint}`, name)
  }
  return byType(evolve as object, functions, field)
}

function byType(owner: object, functions: ReadonlyMap<string, EvolveData>, field: string): Evolve {
  const changes = new Map([...functions].flatMap(([type, one]) => changesOf(type, one)))
  const all = changes.size === 0 ? functions : changes
  for (const type of functions.keys()) {
    if (all.has(type)) continue
    refuse(`${field}.${type}`, 'must be made by inPlace, as the other functions are', functions.get(type))
  }
  const evolve: Evolve = (state, event, key) => {
    const own = all.get(event.type)
    if (own === undefined) refuse(field, 'must have a function for each type of event', event.type)
    return own.call(owner, state, event.data, event, key)
  }
  return changes.size === 0 ? evolve : inPlace(evolve)
}

function changesOf(type: string, evolve: EvolveData): readonly (readonly [string, EvolveData])[] {
  const change = changeOf(evolve)
  return change === undefined ? [] : [[type, change]]
}

function decideByName(commands: unknown): Decider<Any, Any, Event>['decide'] {
  const field = 'decider.commands'
  checkObject(commands, field, 'must be an object with one function for each command')
  const functions = functionsOf(commands, field)
  if (functions.size === 0) refuse(field, 'must have at least one function', commands)
  return (command: unknown, state) => {
    const { type, data } = readSafely('command', command, () => {
      checkObject(command, 'command', 'must be { type, data }')
      const { type, data } = command as { readonly type?: unknown; readonly data?: unknown }
      return { type, data }
    })
    const decide = functions.get(type as string)
    if (decide === undefined) refuse('command.type', `must be ${quotedList(functions.keys())}`, type)
    return decide.call(commands, data, state)
  }
}

/** Returns the functions of an object by their names. A later change of the object has no effect. */
function functionsOf(functions: object, field: string): ReadonlyMap<string, (...parameters: Any[]) => Any> {
  const entries = Object.entries(functions)
  for (const [name, one] of entries) checkFunction(one, `${field}.${name}`)
  return new Map(entries)
}

function quotedList(names: Iterable<string>): string {
  return [...names].map((name) => `'${name}'`).join(' or ')
}

function checkObject(value: unknown, field: string, problem = 'must be an object'): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(field, problem, value)
}
