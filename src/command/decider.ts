/** How decisions are written: three pure functions (after Jérémie Chassaing, "Functional Event Sourcing Decider"). */
import type { Event, RecordedEvent } from '../event.ts'

/** What a decision may give: one event, several, or nothing; at once or later. */
export type Decision<E extends Event> = E | readonly E[] | undefined | void

export interface Decider<State, Command, E extends Event> {
  /** The state of a stream without events. */
  initialState(): State
  /** Which events the command causes in this state. A throw refuses the command: nothing is appended. */
  decide(command: Command, state: State): Decision<E> | Promise<Decision<E>>
  /**
   * Returns the state after the event. Must not change the state that it gets.
   * @throws UndefinedStateError from whatever folds, if it returns undefined and the initial state is not undefined
   */
  evolve(state: State, event: RecordedEvent<E>): Evolved<State>
}

/**
 * The state, as the return type of `evolve`. It is the same type as `State`, with two hints for the compiler:
 *
 * - `NoInfer`: `initialState` alone says what a state is. Without it, a forgotten case would make `undefined` a state.
 * - `Literals`: while the compiler still infers `State`, it would widen `{ status: 'held' }` to `{ status: string }`,
 *   which then is no state. It keeps literals where literals may be expected. The branch disappears as soon as `State`
 *   is known, and it is part of the union only as a subtype of `State`, so that generic code can use the result as a state.
 */
export type Evolved<State> = NoInfer<State> | (State extends unknown ? never : NoInfer<State> & Literals)

/** `readonly []` keeps `[1, 2]` a tuple. */
type Literals = '' | 0 | true | false | readonly [] | { readonly [key: string]: Literals }

/** Types a decider by what its functions say, so that no type argument is written by hand. */
export function decider<State, Command, E extends Event>(
  functions: Decider<State, Command, E>,
): Decider<State, Command, E> {
  return functions
}
