/**
 * Given past events, when a command is decided, then these events are expected: tests a decider without a store, in any
 * test runner. The form is that of behaviour-driven development (Dan North, 2006), as Greg Young uses it for events.
 */
import { AssertionError, deepStrictEqual } from 'node:assert'
import { inspect } from 'node:util'
import type { Decider, Decision } from '../command/decider.ts'
import { fold } from '../command/fold.ts'
import type { Event, RecordedEvent } from '../event.ts'
import { EventPreparation } from '../input/events.ts'
import { uuidOf } from '../uuid.ts'

/** The error that a test expects: its class, a pattern of its message, or a function that returns true for it. */
export type ExpectedError = ErrorClass | RegExp | ((error: unknown) => boolean)

type ErrorClass = abstract new (...parameters: never[]) => Error

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

/**
 * Begins the test of a decider: `given(cart, [opened]).when({ type: 'Close' }).then([closed])`. Without past events,
 * the decider begins with its initial state. Past, decided and expected events must follow the input rules of the
 * stores.
 *
 * @throws InvalidInputError if an event breaks an input rule.
 * @throws UndefinedStateError if `evolve` returns `undefined` for an event.
 */
export function given<State, Command, E extends Event>(
  decider: Decider<State, Command, E>,
  pastEvents: readonly NoInfer<E>[] = [],
): Given<State, Command, E> {
  const past = toRecorded(pastEvents, 'given')
  const before = fold(decider, past)
  const history = `Given ${past.length === 0 ? 'no events' : past.map(({ type }) => type).join(', ')}`

  return {
    thenState(expected) {
      compare(before, expected, `${history}, the state is not the expected one.`)
    },

    when(command) {
      const scene = `${history}, when ${onOneLine(command)}:`
      const outcome = attempt(() => decider.decide(command, before))

      /** Passes the decided events to a check. Fails if `decide` threw an error instead. */
      const checkEvents = (check: (events: readonly RecordedEvent<E>[]) => void) =>
        whenSettled(outcome, (settled) => {
          if ('error' in settled) fail(`${scene} decide threw ${describe(settled.error)}`, settled.error)
          check(toRecorded(settled.events, 'decided', past.length))
        })

      return {
        // biome-ignore lint/suspicious/noThenProperty: the third word of given, when, then; guarded below
        then(expected) {
          // `await given(…).when(…)` takes this object for a promise: it passes a callback, and would wait for ever.
          if (typeof expected === 'function') throw new TypeError(unfinished)
          const wanted = [expected].flat() as readonly E[]
          return checkEvents((events) => {
            const actual = events.map((event, index) => comparedParts(event, wanted[index]))
            const required = toRecorded(wanted, 'then').map((event, index) =>
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
            const refusal = describeExpected(expected)
            if ('events' in settled) {
              const types = settled.events.map(({ type }) => type).join(', ')
              fail(`${scene} ${refusal} was expected, but decide gave ${types || 'nothing'}`)
            }
            if (expected === undefined || matches(settled.error, expected)) return
            fail(
              `${scene} ${refusal} was expected, but decide threw ${describe(settled.error)}`,
              settled.error,
            )
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
type Outcome<E extends Event> = { readonly events: readonly E[] } | { readonly error: unknown }

function attempt<E extends Event>(decide: () => Decision<E> | Promise<Decision<E>>) {
  const decided = (events: Decision<E>): Outcome<E> => ({ events: events ? ([events].flat() as E[]) : [] })
  const failed = (error: unknown): Outcome<E> => ({ error })
  try {
    const decision = decide()
    return decision instanceof Promise ? decision.then(decided, failed) : decided(decision)
  } catch (error) {
    return failed(error)
  }
}

/** Runs the check during the call if `decide` was synchronous, so that a forgotten `await` cannot hide a failure. */
function whenSettled<T>(outcome: T | Promise<T>, check: (outcome: T) => void): Promise<void> {
  if (outcome instanceof Promise) return outcome.then(check)
  check(outcome)
  return Promise.resolve()
}

/** The made-up time at which the stream began. */
const beginning = Date.UTC(2000, 0, 1)

/** Returns the events as a store would return them: a second apart, and with payloads that went through JSON. */
function toRecorded<E extends Event>(events: readonly E[], name: string, after = 0): RecordedEvent<E>[] {
  const preparation = new EventPreparation(undefined, {})
  return events.map((event, index) => {
    const next = after + index + 1
    // An event that was read from a store keeps its stream, version, position and time.
    const { streamId, version, position, recordedAt } = event as Partial<RecordedEvent>
    // Past events may be in the form that a store keeps. Decided and expected events are new.
    const isStored = name === 'given'
    const prepared = preparation.imported(event, `${name}[${index}]`, () => uuidOf(name, index), isStored)
    return {
      ...event,
      streamId: streamId ?? 'given',
      version: version ?? next,
      position: position ?? next,
      recordedAt: recordedAt ?? new Date(beginning + next * 1000),
      id: prepared.id,
      data: JSON.parse(prepared.data),
      metadata: JSON.parse(prepared.metadata),
      tags: prepared.tags,
    }
  })
}

/** The parts of an event that a test compares: type and data, and those of the others that the expected event has. */
function comparedParts({ type, data, id, metadata, tags }: RecordedEvent, expected?: Event): Event {
  return {
    type,
    data,
    ...(expected?.id !== undefined && { id }),
    ...(expected?.metadata !== undefined && { metadata }),
    ...(expected?.tags !== undefined && { tags }),
  }
}

function matches(error: unknown, expected: ExpectedError): boolean {
  if (expected instanceof RegExp) return expected.test(error instanceof Error ? error.message : String(error))
  if (isErrorClass(expected)) return error instanceof expected
  return expected(error)
}

/** Tells a class of errors from a test function. */
function isErrorClass(expected: ErrorClass | ((error: unknown) => boolean)): expected is ErrorClass {
  return expected === Error || expected.prototype instanceof Error
}

/** Throws an error with the message, followed by the difference that `deepStrictEqual` has printed. */
function compare(actual: unknown, expected: unknown, message: string): void {
  try {
    deepStrictEqual(actual, expected)
  } catch (error) {
    if (!(error instanceof AssertionError)) throw error
    const difference = error.message.slice(error.message.indexOf('\n') + 1)
    throw new AssertionError({ actual, expected, operator: 'given', message: `${message}\n${difference}` })
  }
}

function fail(message: string, cause?: unknown): never {
  const error = new AssertionError({ message, operator: 'given' })
  if (cause !== undefined) error.cause = cause
  throw error
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : inspect(error)
}

function describeExpected(expected: ExpectedError | undefined): string {
  if (expected === undefined) return 'an error'
  if (expected instanceof RegExp) return `an error with the message ${expected}`
  return isErrorClass(expected) ? expected.name : `an error that passes ${expected}`
}

function onOneLine(value: unknown): string {
  return inspect(value, { depth: 4, breakLength: Number.POSITIVE_INFINITY })
}
