/** Folds events into a state. */
import { UndefinedStateError } from '../errors/index.ts'
import type { Event, RecordedEvent } from '../event.ts'
import { checkFunction } from '../input/checks.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import type { Decider } from './decider.ts'

/** The two functions of a decider that folding needs. */
export type Evolution<State, E extends Event> = Pick<Decider<State, never, E>, 'initialState' | 'evolve'>

/**
 * Returns the state after these events, starting from `state` or, by default, from the initial state.
 * @throws UndefinedStateError if `evolve` returns undefined, unless undefined is the initial state or the state before
 */
export function fold<State, E extends Event>(
  evolution: Evolution<State, E>,
  events: Iterable<RecordedEvent<E>>,
  state: State = evolution.initialState(),
): State {
  return foldOnto(evolution, state, events)
}

/** Folds events onto a state that may be `undefined`, which `fold` would replace with the initial state. */
export function foldOnto<State, E extends Event>(
  evolution: Evolution<State, E>,
  state: State,
  events: Iterable<RecordedEvent<E>>,
): State {
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
