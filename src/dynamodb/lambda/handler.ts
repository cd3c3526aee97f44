/** Makes the handler of a Lambda function that runs subscriptions. */
import {
  checkMilliseconds,
  type Event,
  optionsOf,
  readSafely,
  refuse,
  type SubscribeOptions,
  SubscriptionBehindError,
  UnknownSubscriptionError,
  WakeUpFailedError,
} from '../../storage/index.ts'
import type { DynamodbTransaction } from '../documents/transaction.ts'
import type { DynamodbStore } from '../store.ts'
import { wakesUp } from './records.ts'

/** The part of Lambda's context that the handler needs. */
export interface LambdaContext {
  /** Returns the time until Lambda ends the invocation, in milliseconds. */
  getRemainingTimeInMillis(): number
}

/** The options of `lambdaHandler`. */
export interface LambdaHandlerOptions {
  /**
   * How long before the end of the invocation the subscriptions stop, in milliseconds: they write their checkpoints then,
   * and release their leases. A handler of an event that runs at that moment has one second left.
   *
   * @default 2000
   */
  readonly reserve?: number | undefined
}

/** What a call of the handler did for one subscription. */
export interface WokenSubscription {
  readonly name: string
  /** How many events this call handled. */
  readonly handled: number
  /** How many events this call parked. */
  readonly parked: number
  /** True if events wait because an operator has paused the subscription. */
  readonly paused: boolean
}

/** What a call of the handler did. */
export interface LambdaResult {
  /** In the order in which they were passed; empty if no record was of a new slot. */
  readonly subscriptions: readonly WokenSubscription[]
}

/** A handler for a Lambda function. */
export type LambdaHandler = (event: unknown, context: LambdaContext) => Promise<LambdaResult>

type Outcome = WokenSubscription | { readonly name: string; readonly error: unknown }

/**
 * Returns a handler for a Lambda function that the stream of the log's table starts, or a schedule. Each call handles
 * the events that are in the log then, for all subscriptions side by side. Once it has resolved, it sends no request.
 *
 * The handler throws a WakeUpFailedError if a subscription is not caught up, so that Lambda repeats the call. A
 * paused subscription is no failure: `paused` in the result says so.
 *
 * @throws InvalidInputError if an argument is not valid
 */
export function lambdaHandler<E extends Event = Event>(
  store: DynamodbStore<E>,
  subscriptions: readonly SubscribeOptions<E, DynamodbTransaction>[],
  options?: LambdaHandlerOptions,
): LambdaHandler {
  readSafely('store', store, () => {
    if (typeof store?.runOnce !== 'function') refuse('store', 'must be a store', store)
  })
  const named = namedSubscriptions(subscriptions)
  const { reserve = 2_000 } = optionsOf(options, ['reserve'])
  checkMilliseconds(reserve, 'reserve', 1)

  return async (event, context) => {
    if (!wakesUp(event)) return { subscriptions: [] }
    const timeout = timeFor(context, reserve)
    const outcomes = await Promise.all(
      [...named].map(([name, subscription]) => run(store, name, subscription, timeout)),
    )
    const failures = outcomes.flatMap((outcome) =>
      'error' in outcome ? [{ subscription: outcome.name, error: outcome.error }] : [],
    )
    if (failures.length > 0) throw new WakeUpFailedError(failures, outcomes.length)
    return { subscriptions: outcomes as readonly WokenSubscription[] }
  }
}

/** Runs one subscription. Never rejects. */
async function run<E extends Event>(
  store: DynamodbStore<E>,
  name: string,
  subscription: SubscribeOptions<E, DynamodbTransaction>,
  timeout: number,
): Promise<Outcome> {
  try {
    const { handled, parked, paused, caughtUp } = await store.runOnce(subscription, { timeout })
    if (caughtUp || paused) return { name, handled, parked, paused }
    // Another process may have caught up meanwhile.
    const status = await store.subscriptionStatus(name)
    if (status === undefined) {
      return { name, error: new UnknownSubscriptionError(name, await successorOf(store, name)) }
    }
    const { lastPosition, checkpoint, owners } = status
    if (checkpoint >= lastPosition) return { name, handled, parked, paused }
    return { name, error: new SubscriptionBehindError(name, lastPosition, checkpoint, owners, timeout) }
  } catch (error) {
    return { name, error }
  }
}

async function successorOf<E extends Event>(
  store: DynamodbStore<E>,
  name: string,
): Promise<string | undefined> {
  for await (const summary of store.subscriptions.list()) {
    if (summary.name === name) return summary.successor
  }
  return undefined
}

/** How long the subscriptions may run, in milliseconds. */
function timeFor(context: LambdaContext | undefined, reserve: number): number {
  const field = 'context.getRemainingTimeInMillis'
  const left = readSafely('context', context, () => {
    if (typeof context?.getRemainingTimeInMillis !== 'function') {
      refuse(field, "must be a function: pass on Lambda's context", context?.getRemainingTimeInMillis)
    }
    return context.getRemainingTimeInMillis()
  })
  if (!(left >= reserve + 1)) {
    const problem = `must return more than the reserve of ${reserve} ms: raise the timeout of the function`
    refuse(field, problem, left)
  }
  return Math.floor(left - reserve)
}

/** The subscriptions by their names, each once. */
function namedSubscriptions<E extends Event>(
  given: readonly SubscribeOptions<E, DynamodbTransaction>[],
): ReadonlyMap<string, SubscribeOptions<E, DynamodbTransaction>> {
  return readSafely('subscriptions', given, () => {
    if (!Array.isArray(given) || given.length === 0) {
      refuse('subscriptions', 'must be an array of at least one subscription', given)
    }
    const named = new Map<string, SubscribeOptions<E, DynamodbTransaction>>()
    for (const [index, subscription] of given.entries()) {
      const field = `subscriptions[${index}]`
      if (typeof subscription !== 'object' || subscription === null)
        refuse(field, 'must be an object', subscription)
      const name: unknown = 'projection' in subscription ? subscription.projection?.name : subscription.name
      if (typeof name !== 'string') refuse(`${field}.name`, 'must be a string', name)
      if (named.has(name))
        refuse(`${field}.name`, 'must differ from the names of the other subscriptions', name)
      named.set(name, subscription)
    }
    return named
  })
}
