/** Folding: from events to state, now or at any moment of the past. */

import type { CallOptions } from '../call-options.ts'
import { UndefinedStateError } from '../errors/index.ts'
import type { Event, RecordedEvent } from '../event.ts'
import { checkFunction } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import type { EventStore } from '../store.ts'
import type { Decider } from './decider.ts'

/** The two functions of a decider that folding needs. */
export type Evolution<State, E extends Event> = Pick<Decider<State, never, E>, 'initialState' | 'evolve'>

/**
 * Returns the state after these events, starting from `state` or from the beginning.
 * @throws UndefinedStateError if `evolve` returns undefined, unless undefined is the initial state or the state before
 */
export function fold<State, E extends Event>(
  evolution: Evolution<State, E>,
  events: Iterable<RecordedEvent<E>>,
  state: State = evolution.initialState(),
): State {
  return foldOnto(evolution, state, events)
}

/** The same onto a state that is given in any case, and may be `undefined`. */
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

/** Allows undefined where the decider itself begins with it: a stream may come to nothing again. */
function checkUndefinedState<State, E extends Event>(
  evolution: Evolution<State, E>,
  { type, streamId, version }: RecordedEvent<E>,
): void {
  if (evolution.initialState() !== undefined) throw new UndefinedStateError(type, streamId, version)
}

export function checkEvolution(value: unknown, field: string): void {
  readSafely(field, value, () => {
    if (typeof value !== 'object' || value === null) refuse(field, 'must have initialState and evolve', value)
    const { initialState, evolve } = value as Partial<Evolution<unknown, Event>>
    checkFunction(initialState, `${field}.initialState`)
    checkFunction(evolve, `${field}.evolve`)
  })
}

export interface FoldStreamOptions extends CallOptions {
  /** The state right after this version. @default the present one */
  readonly toVersion?: number | undefined
  /** The state at this moment. */
  readonly asOf?: Date | undefined
}

export interface FoldedStream<State> {
  readonly state: State
  /** The version of the last event that was folded in; 0: none. */
  readonly version: number
  readonly exists: boolean
}

/** Reads a stream and folds it: the current state, the state at a version, or the state as of a time. */
export async function foldStream<State, E extends Event>(
  store: Pick<EventStore, 'readStream'>,
  streamId: string,
  evolution: Evolution<State, E>,
  options?: FoldStreamOptions,
): Promise<FoldedStream<State>> {
  checkEvolution(evolution, 'evolution')
  const window = optionsOf(options, ['toVersion', 'asOf', 'signal'])
  const { events, exists } = await store.readStream<E>(streamId, window)
  return { state: fold(evolution, events), version: events.at(-1)?.version ?? 0, exists }
}
