/** Which catalogue has made a projection or a subscription, and whether a store has the events of that catalogue. */
import { InvalidInputError } from '../errors/index.ts'
import { readSafely } from '../input/refusal.ts'
import type { EventDefinitions } from './definitions.ts'
import { isPicked, type KnownEvents, knownEventsOf } from './known-events.ts'

// A property and no WeakMap, so that a copy that a user makes by a spread keeps it.
const requiredEvents: unique symbol = Symbol('eventsourced.requiredEvents')

interface Requiring {
  readonly [requiredEvents]?: EventDefinitions
}

/** Returns the property that notes the catalogue of a definition; no property if there is no catalogue. */
export function requiring(definitions: EventDefinitions | undefined): Requiring {
  return definitions === undefined ? {} : { [requiredEvents]: definitions }
}

/** Returns the catalogue that has made a projection or a subscription. */
export function requiredEventsOf(definition: object): EventDefinitions | undefined {
  return (definition as Requiring)[requiredEvents]
}

/**
 * Returns true if a definition selects all events of the catalogue that has made it. It then also selects the events that
 * later releases add to the catalogue.
 */
export function selectsWholeCatalogue(definition: object, types: readonly string[] | undefined): boolean {
  const required = requiredEventsOf(definition)
  if (required === undefined || types === undefined || isPicked(required)) return false
  const selected = new Set(types)
  return required.types.length > 0 && required.types.every((type) => selected.has(type))
}

/**
 * Checks that a store has the events of the catalogue that has made a decider. Returns the events that the store knows;
 * undefined if it was opened without a catalogue.
 * @throws InvalidInputError as `checkRequiredEvents` does
 */
export function checkDeciderEvents(
  decider: { readonly events?: EventDefinitions | undefined },
  store: { readonly events?: EventDefinitions | undefined },
  field: string,
): KnownEvents | undefined {
  const required = readSafely(field, decider, () => decider.events)
  const known = knownEventsOf(readSafely('store', store, () => store.events))
  checkRequiredEvents(required, known, field)
  return known
}

const mostNames = 5

/**
 * Checks that a store reads and validates the events that a decider, a projection or a subscription needs. Otherwise it
 * would get the stored forms of old events. `required`: the catalogue that has made it, if any; `known`: the catalogue of
 * the store. `field`: the name of what needs them, for errors.
 * @throws InvalidInputError if the store has no catalogue, or one without these events
 */
export function checkRequiredEvents(
  required: EventDefinitions | undefined,
  known: KnownEvents | undefined,
  field: string,
): void {
  const own = knownEventsOf(required)
  if (required === undefined || own === undefined || own.isOpen) return
  if (known === undefined) {
    const problem =
      'needs the events of its catalogue: open the store with { events: catalogue }. If you wrap the store, give the wrapper its `events`'
    throw new InvalidInputError(field, problem, 'a store without a catalogue')
  }
  const missing = required.types.filter((type) => known.events.get(type) !== own.events.get(type))
  if (missing.length === 0) return
  const names = missing.slice(0, mostNames).map((type) => `'${type}'`)
  if (missing.length > mostNames) names.push(`${missing.length - mostNames} more`)
  const isDefined = missing.every((type) => known.events.has(type))
  const problem =
    'needs the events of its catalogue: open the store with this catalogue, or with { events: mergeEvents(…) } of several'
  const verb = isDefined ? 'defines others named' : 'lacks'
  throw new InvalidInputError(field, problem, `a store whose catalogue ${verb} ${names.join(', ')}`)
}
