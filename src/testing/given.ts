/** Given past events, when a command comes, then …: specifying a decider without a store, in any test runner. */
import { AssertionError, deepStrictEqual } from 'node:assert'
import { inspect } from 'node:util'
import type { Decider, Decision } from '../command/decider.ts'
import { fold } from '../command/fold.ts'
import type { Event, RecordedEvent } from '../event.ts'
import { EventPreparation } from '../input/events.ts'
import { uuidOf } from '../uuid.ts'

/** An error of this class, one with such a message, or one that passes this test. */
export type ExpectedError = ErrorClass | RegExp | ((error: unknown) => boolean)

type ErrorClass = abstract new (...parameters: never[]) => Error

export interface Given<State, Command, E extends Event> {
  when(command: Command): When<State, E>
  /** The state the past events lead to, without any command. */
  thenState(expected: State): void
}

/**
 * How the sentence ends. If `decide` is synchronous, the check is made during the call; if it gives a promise,
 * the check is made when that settles: await it. A check that fails throws an AssertionError.
 */
export interface When<State, E extends Event> {
  /** Exactly these events, in this order. Of each, type and data count; id, metadata and tags if they are given. */
  then(expected: E | readonly E[]): Promise<void>
  /** No events, and no error. */
  thenNothing(): Promise<void>
  /** The command is refused. @default with any error */
  thenThrows(expected?: ExpectedError): Promise<void>
  /** The state after the past events and the decided ones. */
  thenState(expected: State): Promise<void>
}

/**
 * Begins the specification of a decider: `given(cart, [opened]).when({ type: 'Close' }).then([closed])`.
 * Past, decided and expected events are held to the input rules of the stores.
 */
export function given<State, Command, E extends Event>(
  decider: Decider<State, Command, E>,
  pastEvents: readonly NoInfer<E>[] = [],
): Given<State, Command, E> {
  const past = record(pastEvents, 'given')
  const before = fold(decider, past)
  const history = `Given ${past.length === 0 ? 'no events' : past.map(({ type }) => type).join(', ')}`

  return {
    thenState(expected) {
      compare(before, expected, `${history}, the state is not the expected one.`)
    },

    when(command) {
      const scene = `${history}, when ${onOneLine(command)}:`
      const outcome = attempt(() => decider.decide(command, before))

      /** Hands the decided events to a check; an error where events were expected fails it. */
      const checkEvents = (check: (events: readonly RecordedEvent<E>[]) => void) =>
        whenSettled(outcome, (settled) => {
          if ('error' in settled) fail(`${scene} decide threw ${describe(settled.error)}`, settled.error)
          check(record(settled.events, 'decided', past.length))
        })

      return {
        // biome-ignore lint/suspicious/noThenProperty: the third word of given, when, then; guarded below
        then(expected) {
          // `await given(…).when(…)` takes the object for a promise, and would wait for ever.
          if (typeof expected === 'function') throw new TypeError(unfinished)
          const wanted = [expected].flat() as readonly E[]
          return checkEvents((events) => {
            const found = events.map((event, index) => essence(event, wanted[index]))
            const should = record(wanted, 'then').map((event, index) => essence(event, wanted[index]))
            compare(found, should, `${scene} the decided events are not the expected ones.`)
          })
        },

        thenNothing() {
          return checkEvents((events) => {
            const found = events.map((event) => essence(event))
            compare(found, [], `${scene} nothing was expected, but something was decided.`)
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

/** Checks at once what is known at once, so that a forgotten `await` cannot hide a failure. */
function whenSettled<T>(outcome: T | Promise<T>, check: (outcome: T) => void): Promise<void> {
  if (outcome instanceof Promise) return outcome.then(check)
  check(outcome)
  return Promise.resolve()
}

const beginning = Date.UTC(2000, 0, 1)

/** As a store would give the events back: a second apart, and with payloads that went through JSON. */
function record<E extends Event>(events: readonly E[], name: string, after = 0): RecordedEvent<E>[] {
  const preparation = new EventPreparation(undefined, {})
  return events.map((event, index) => {
    const version = after + index + 1
    const prepared = preparation.event(event, `${name}[${index}]`, () => uuidOf(name, index))
    return {
      streamId: 'given',
      version,
      position: version,
      recordedAt: new Date(beginning + version * 1000),
      // An event that was read from a store keeps what it has.
      ...event,
      id: prepared.id,
      data: JSON.parse(prepared.data),
      metadata: JSON.parse(prepared.metadata),
      tags: prepared.tags,
    }
  })
}

/** What is compared of an event: as much as the expected one says. */
function essence({ type, data, id, metadata, tags }: RecordedEvent, expected?: Event): Event {
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

function isErrorClass(expected: ErrorClass | ((error: unknown) => boolean)): expected is ErrorClass {
  return expected === Error || expected.prototype instanceof Error
}

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
