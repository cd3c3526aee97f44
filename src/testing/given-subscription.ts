/** Tests the handler of a subscription: given past events, when an event comes, then the handler handles it. */
import { knownEventsOf } from '../catalogue/known-events.ts'
import { requiredEventsOf } from '../catalogue/required-events.ts'
import type { Event, RecordedEvent } from '../event.ts'
import { refuse } from '../input/refusal.ts'
import { selects } from '../log/event-selection.ts'
import { StreamHashes } from '../log/stream-hashes.ts'
import { PlainContext } from '../subscription/handler-calls.ts'
import { planOf } from '../subscription/plan.ts'
import type { HandlerSubscription } from '../subscription/subscription.ts'
import { describe, fail, history } from './assertions.ts'
import { checkError, describeExpected, type ExpectedError } from './expected-error.ts'
import { storedEvents, type TestEvent } from './past-events.ts'
import type { StoredShape } from './stored.ts'

/** A subscription and its past events. Continue with `when`. */
export interface GivenSubscription<E extends Event> {
  /** Passes one more event to the handler. End the sentence with a method of `WhenHandled`. */
  when(event: (E | StoredShape) & { readonly streamId?: string | undefined }): WhenHandled
}

/**
 * The checks that end a sentence. Await them: each one first calls the handler with the past events, in order, and then
 * with the event of `when`. There are no retries, and no `handlerTimeout`.
 *
 * @throws AssertionError if the check fails, or if the handler fails for a past event.
 */
export interface WhenHandled {
  /** Expects that the subscription selects the event, and that the handler handles it without an error. */
  thenHandled(): Promise<void>
  /**
   * Expects that the handler throws or rejects with this error.
   *
   * @default any error
   */
  thenThrows(expected?: ExpectedError): Promise<void>
  /** Expects that the handler does not get the event: the filter does not select it, or it is read as no event. */
  thenIgnored(): Promise<void>
}

type Outcome = 'handled' | 'ignored' | { readonly error: unknown }

export function givenSubscription<E extends Event>(
  // biome-ignore lint/suspicious/noExplicitAny: the events and the transaction may have any type
  options: HandlerSubscription<any, any>,
  pastEvents: readonly TestEvent[],
): GivenSubscription<E> {
  if (options.transactional === true) {
    const problem =
      'must not be true in a test without a store: use runOnce of memoryStore(), which has transactions'
    refuse('transactional', problem, true)
  }
  const known = knownEventsOf(requiredEventsOf(options))
  // Only a plan of a projection reads the storage, and `given` takes the projection itself.
  const plan = planOf({ storage: { registerProjections: async () => 'registered' } as never, known }, options)
  const isSelected = selects(plan.filter.stored, undefined, new StreamHashes())
  const past = storedEvents(known, pastEvents, 'given')

  async function deliver(event: RecordedEvent): Promise<Outcome> {
    if (!isSelected(event)) return 'ignored'
    const { events, unreadable } = plan.filter.today([event])
    if (unreadable !== undefined) throw unreadable
    if (events.length === 0) return 'ignored'
    try {
      await plan.handler.handle([event], new PlainContext(new AbortController().signal, 1), undefined, {
        number: 0,
      })
      return 'handled'
    } catch (error) {
      return { error }
    }
  }

  return {
    when(event) {
      const scene = `${history(past)}, when ${event.type} comes:`
      const all = storedEvents(known, [...pastEvents, event], 'given')

      /** @throws AssertionError, or UnreadableEventError if the catalogue cannot read an event */
      async function outcome(): Promise<Outcome> {
        for (const before of all.slice(0, -1)) {
          const handled = await deliver(before)
          if (typeof handled === 'object')
            fail(
              `${scene} the handler threw for the past event ${before.type}: ${describe(handled.error)}`,
              handled.error,
            )
        }
        return deliver(all.at(-1) as RecordedEvent)
      }

      return {
        async thenHandled() {
          const result = await outcome()
          if (result === 'ignored') fail(`${scene} the subscription '${plan.name}' does not select it`)
          if (result !== 'handled') fail(`${scene} the handler threw ${describe(result.error)}`, result.error)
        },
        async thenThrows(expected) {
          const result = await outcome()
          if (typeof result === 'string') {
            const came =
              result === 'handled' ? 'the handler handled it' : 'the subscription does not select it'
            fail(`${scene} ${describeExpected(expected)} was expected, but ${came}`)
          }
          checkError(result.error, expected, scene, 'the handler threw')
        },
        async thenIgnored() {
          const result = await outcome()
          if (result === 'handled') fail(`${scene} the handler handled it, but should not have got it`)
          if (result !== 'ignored')
            fail(
              `${scene} the handler should not have got it, and threw ${describe(result.error)}`,
              result.error,
            )
        },
      }
    },
  }
}
