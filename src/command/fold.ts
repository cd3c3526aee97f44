/** Folds events into a state. */
import { UndefinedStateError } from '../errors/index.ts'
import type { Event, RecordedEvent } from '../event.ts'
import { checkFunction } from '../input/checks.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import type { Decider } from './decider.ts'
import { changeOf, foldInPlace, initialStateFor } from './in-place.ts'

/** The parts of a decider that folding needs. */
export type Evolution<State, E extends Event> = Pick<
  Decider<State, never, E>,
  'initialState' | 'evolve' | 'events'
>

/**
 * Returns the state after these events, starting from `state` or, by default, from the initial state. Does not change
 * `state`, also if `evolve` is made by `inPlace`.
 * @throws UndefinedStateError if `evolve` returns undefined, unless undefined is the initial state or the state before
 * @throws FoldInPlaceError if `evolve` is made by `inPlace`, and its function or the state breaks the rules of `inPlace`
 */
export function fold<State, E extends Event>(
  evolution: Evolution<State, E>,
  events: Iterable<RecordedEvent<E>>,
  state?: State,
): State {
  if (state !== undefined) return foldOnto(evolution, state, events)
  return foldOnto(evolution, initialStateOf(evolution), events, 'own')
}

/**
 * Returns a new initial state.
 * @throws FoldInPlaceError if events are folded in place, and `initialState` does not return a new value in each call
 */
export function initialStateOf<State, E extends Event>(evolution: Evolution<State, E>): State {
  return initialStateFor(evolution.evolve, () => evolution.initialState())
}

/**
 * Folds events onto a state that may be `undefined`, which `fold` would replace with the initial state. Does not change
 * a state that is 'shared' with a cache or a caller.
 */
export function foldOnto<State, E extends Event>(
  evolution: Evolution<State, E>,
  state: State,
  events: Iterable<RecordedEvent<E>>,
  owner: 'shared' | 'own' = 'shared',
): State {
  const change = changeOf(evolution.evolve)
  if (change !== undefined) return foldInPlace(change, evolution, state, owner === 'shared', events)
  let current = state
  for (const event of events) {
    const next = evolution.evolve(current, event)
    if (next === undefined && current !== undefined) checkUndefinedState(evolution, event)
    current = next
  }
  return current
}

/** Accepts `undefined` as a state only if it is also the initial state. */
function checkUndefinedState<State, E extends Event>(
  evolution: Evolution<State, E>,
  { type, streamId, version }: RecordedEvent<E>,
): void {
  if (evolution.initialState() !== undefined) throw new UndefinedStateError(type, streamId, version)
}

/** Checks that a value has the two functions of an `Evolution`. @throws InvalidInputError */
export function checkEvolution(value: unknown, field: string): void {
  readSafely(field, value, () => {
    if (typeof value !== 'object' || value === null) refuse(field, 'must have initialState and evolve', value)
    const { initialState, evolve } = value as Partial<Evolution<unknown, Event>>
    checkFunction(initialState, `${field}.initialState`)
    checkFunction(evolve, `${field}.evolve`)
  })
}
