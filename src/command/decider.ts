/** Deciders: the rules of a stream as three pure functions (Jérémie Chassaing, "Functional Event Sourcing Decider"). */
import type { EventDefinitions } from '../catalogue/definitions.ts'
import type { Event, RecordedEvent } from '../event.ts'

/** The events that a command causes: one, several, or none. */
export type Decision<E extends Event> = E | readonly E[] | undefined | void

/** The rules of a stream: which events a command causes, and which state follows from the events. */
export interface Decider<State, Command, E extends Event> {
  /** Returns the state of a stream without events. */
  initialState(): State
  /**
   * Returns the events that the command causes in this state. If it throws, the command is refused: nothing is
   * appended, and the caller gets the thrown error unchanged.
   */
  decide(command: Command, state: State): Decision<E> | Promise<Decision<E>>
  /**
   * Returns the state after the event. Must not change the state that it gets, unless it is made by `inPlace`. If it
   * returns `undefined`, the fold fails with an `UndefinedStateError`, unless the initial state is `undefined` too.
   */
  evolve(state: State, event: RecordedEvent<E>): Evolved<State>
  /** The catalogue that has made the decider. The decider then runs only on stores that have its events. */
  readonly events?: EventDefinitions | undefined
}

/**
 * The state, as the return type of `evolve`. It is the same type as `State`, with two hints for the compiler:
 *
 * - `NoInfer`: `initialState` alone says what a state is. Without it, a forgotten case would make `undefined` a state.
 * - `Literals`: the compiler infers `State` from several functions. Without this hint it would widen
 *   `{ status: 'held' }` to `{ status: string }`, and then report an error. The second part of the union exists only
 *   during that inference: as soon as `State` is known, `Evolved<State>` is `State`.
 */
export type Evolved<State> = NoInfer<State> | (State extends unknown ? never : NoInfer<State> & Literals)

/** `readonly []` keeps `[1, 2]` a tuple. */
type Literals =
  | ''
  | 0
  | 0n
  | true
  | false
  | readonly []
  | readonly Literals[]
  | { readonly [key: string]: Literals }

/** Returns the decider unchanged. The compiler infers its types from the functions, so you write no type arguments. */
export function decider<State, Command, E extends Event>(
  functions: Decider<State, Command, E>,
): Decider<State, Command, E> {
  return functions
}
