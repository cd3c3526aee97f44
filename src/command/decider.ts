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
   * The state after the event. Must not change the state it is given. What it returns says nothing about
   * what a state is (`NoInfer`): so a case that was forgotten is an error, and not a state of `undefined`.
   */
  evolve(state: State, event: RecordedEvent<E>): NoInfer<State>
}

/** Types a decider by what its functions say, so that no type argument is written by hand. */
export function decider<State, Command, E extends Event>(
  functions: Decider<State, Command, E>,
): Decider<State, Command, E> {
  return functions
}
