/** Tests a decider: given past events, when a command is decided, then these events are expected. */
import { knownEventsOf } from '../catalogue/known-events.ts'
import type { Decider, Decision } from '../command/decider.ts'
import { fold } from '../command/fold.ts'
import type { Event, RecordedEvent } from '../event.ts'
import { compare, describe, fail, history, onOneLine, refuseCallback } from './assertions.ts'
import { checkError, describeExpected, type ExpectedError } from './expected-error.ts'
import { comparedParts, type TestEvent, todaysEvents } from './past-events.ts'

/** A decider and its past events. Continue with `when`, or check the state with `thenState`. */
export interface Given<State, Command, E extends Event> {
  /** Decides a command on the state that the past events lead to. End the sentence with a method of `When`. */
  when(command: Command): When<State, E>
  /**
   * Checks the state that the past events lead to, without a command.
   *
   * @throws AssertionError if the state is another one.
   */
  thenState(expected: State): void
}

/**
 * The checks that end a sentence. If `decide` returns a promise, await the check: it runs when that promise settles. If
 * `decide` is synchronous, the check runs during the call.
 *
 * @throws AssertionError if the check fails; with an asynchronous `decide`, the promise rejects with it.
 */
export interface When<State, E extends Event> {
  /**
   * Expects exactly these events, in this order. Compares type and data of each event, and its id, metadata and tags
   * only where the expected event has them.
   */
  then(expected: E | readonly E[]): Promise<void>
  /** Expects that the command decides no events and throws no error. */
  thenNothing(): Promise<void>
  /**
   * Expects that `decide` throws or rejects with this error.
   *
   * @default any error
   */
  thenThrows(expected?: ExpectedError): Promise<void>
  /** Expects this state after the past events and the decided events. */
  thenState(expected: State): Promise<void>
}

export function givenDecider<State, Command, E extends Event>(
  decider: Decider<State, Command, E>,
  pastEvents: readonly TestEvent[],
): Given<State, Command, E> {
  const known = knownEventsOf(decider.events)
  const past = todaysEvents<E>(known, pastEvents, 'given')
  const before = fold(decider, past)
  const given = history(past)

  return {
    thenState(expected) {
      compare(before, expected, `${given}, the state is not the expected one.`)
    },

    when(command) {
      const scene = `${given}, when ${onOneLine(command)}:`
      const accept = (events: readonly E[]) => todaysEvents<E>(known, events, 'decided', pastEvents.length)
      const outcome = attempt(() => decider.decide(command, before), accept)

      /** Passes the decided events to a check. Fails if `decide` threw an error instead. */
      const checkEvents = (check: (events: readonly RecordedEvent<E>[]) => void) =>
        whenSettled(outcome, (settled) => {
          if ('error' in settled)
            fail(`${scene} ${settled.happened} ${describe(settled.error)}`, settled.error)
          check(settled.events)
        })

      return {
        // biome-ignore lint/suspicious/noThenProperty: the third word of given, when, then; guarded below
        then(expected) {
          refuseCallback(expected, unfinished)
          const wanted = [expected].flat() as readonly E[]
          return checkEvents((events) => {
            const actual = events.map((event, index) => comparedParts(event, wanted[index]))
            const required = todaysEvents(known, wanted, 'then').map((event, index) =>
              comparedParts(event, wanted[index]),
            )
            compare(actual, required, `${scene} the decided events are not the expected ones.`)
          })
        },

        thenNothing() {
          return checkEvents((events) => {
            const actual = events.map((event) => comparedParts(event))
            compare(actual, [], `${scene} nothing was expected, but something was decided.`)
          })
        },

        thenThrows(expected) {
          return whenSettled(outcome, (settled) => {
            if ('events' in settled) {
              const types = settled.events.map(({ type }) => type).join(', ')
              fail(
                `${scene} ${describeExpected(expected)} was expected, but decide gave ${types || 'nothing'}`,
              )
            }
            checkError(settled.error, expected, scene, settled.happened)
          })
        },

        thenState(expected) {
          return checkEvents((events) => {
            compare(fold(decider, events, before), expected, `${scene} the state is not the expected one.`)
          })
        },
      }
    },
  }
}

const unfinished =
  'given(…).when(…) alone checks nothing: end it with .then([events]), .thenNothing(), .thenThrows(…) or .thenState(…)'

/** The result of `decide`: its events, or the error that it threw. */
type Outcome<E extends Event> =
  | { readonly events: readonly RecordedEvent<E>[] }
  | { readonly error: unknown; readonly happened: string }

/** `accept`: checks the events as a command handler does, and records them. */
function attempt<E extends Event>(
  decide: () => Decision<E> | Promise<Decision<E>>,
  accept: (events: readonly E[]) => readonly RecordedEvent<E>[],
): Outcome<E> | Promise<Outcome<E>> {
  const failed = (error: unknown): Outcome<E> => ({ error, happened: 'decide threw' })
  const decided = (events: Decision<E>): Outcome<E> => {
    try {
      return { events: accept(events ? ([events].flat() as E[]) : []) }
    } catch (error) {
      return { error, happened: 'a store would refuse what decide gave:' }
    }
  }
  let decision: Decision<E> | Promise<Decision<E>>
  try {
    decision = decide()
  } catch (error) {
    return failed(error)
  }
  return decision instanceof Promise ? decision.then(decided, failed) : decided(decision)
}

/** Runs the check during the call if `decide` was synchronous, so that a forgotten `await` cannot hide a failure. */
function whenSettled<T>(outcome: T | Promise<T>, check: (outcome: T) => void): Promise<void> {
  if (outcome instanceof Promise) return outcome.then(check)
  check(outcome)
  return Promise.resolve()
}
