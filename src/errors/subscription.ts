/** Errors of subscriptions. */
import { EventSourcedError, reasonOf } from './base.ts'

/**
 * The worker no longer owns the partition: it did not renew its lease in time, and another worker took it. The store
 * refused what this worker wrote last.
 */
export class LeaseLostError extends EventSourcedError {
  readonly code = 'lease-lost'
  readonly subscription: string
  readonly partition: number
  constructor(subscription: string, partition: number) {
    super(`The lease of partition ${partition} of subscription '${subscription}' is lost to another worker`)
    this.subscription = subscription
    this.partition = partition
  }
}

/** A handler ran longer than its `handlerTimeout`. */
export class HandlerTimeoutError extends EventSourcedError {
  readonly code = 'handler-timeout'
  /** The timeout, in milliseconds. */
  readonly timeout: number
  constructor(timeout: number) {
    super(`The handler did not finish within ${timeout} ms`)
    this.timeout = timeout
  }
}

/** A subscription has stopped with an error. The error of its handler is the `cause`. */
export class SubscriptionFailedError extends EventSourcedError {
  readonly code = 'subscription-failed'
  readonly subscription: string
  /** The position of the event that failed, if one did. Everything before it is handled. */
  readonly position: number | undefined
  constructor(subscription: string, position: number | undefined, cause: unknown) {
    const where = position === undefined ? '' : ` at the event at position ${position}`
    super(`Subscription '${subscription}' failed${where}: ${reasonOf(cause)}`, { cause })
    this.subscription = subscription
    this.position = position
  }
}

/** A subscription did not reach a position within the `timeout` of the caller. */
export class SubscriptionBehindError extends EventSourcedError {
  readonly code = 'subscription-behind'
  readonly subscription: string
  /** The position that the caller waited for. */
  readonly position: number
  /** The position that the subscription has reached. */
  readonly checkpoint: number
  /** The workers that run it; empty if no worker does. */
  readonly owners: readonly string[]
  /** How long the caller waited, in milliseconds. */
  readonly timeout: number
  constructor(
    subscription: string,
    position: number,
    checkpoint: number,
    owners: readonly string[],
    timeout: number,
  ) {
    const who = owners.length === 0 ? 'no worker runs it' : `it is run by ${owners.join(', ')}`
    super(
      `Subscription '${subscription}' did not reach position ${position} within ${timeout} ms: it is at ${checkpoint}, ${position - checkpoint} behind, and ${who}`,
    )
    this.subscription = subscription
    this.position = position
    this.checkpoint = checkpoint
    this.owners = owners
    this.timeout = timeout
  }
}

/** A subscription that a call of a Lambda handler left behind. */
export interface WakeUpFailure {
  readonly subscription: string
  /** Why: for example a SubscriptionBehindError or a SubscriptionFailedError. */
  readonly error: unknown
}

/**
 * A call of a Lambda handler left at least one subscription behind the end of the log. The error makes Lambda call the
 * function with the same records again. The first failure is the `cause`.
 */
export class WakeUpFailedError extends EventSourcedError {
  readonly code = 'wake-up-failed'
  /** The subscriptions that are behind, in the order in which they were passed. */
  readonly failures: readonly WakeUpFailure[]
  constructor(failures: readonly WakeUpFailure[], count: number) {
    const reasons = failures.map(({ error }) => reasonOf(error)).join('; ')
    super(
      `${failures.length} of ${count} subscriptions ${failures.length === 1 ? 'is' : 'are'} not caught up, so this call must be repeated: ${reasons}`,
      { cause: failures[0]?.error },
    )
    this.failures = failures
  }
}

/** The subscription has no parked event at this position. */
export class NotParkedError extends EventSourcedError {
  readonly code = 'not-parked'
  readonly subscription: string
  readonly position: number
  constructor(subscription: string, position: number) {
    super(`Subscription '${subscription}' has no parked event at position ${position}`)
    this.subscription = subscription
    this.position = position
  }
}

/**
 * Two different subscriptions have one name. The program's kind, filter, number of partitions or `transactional` differs
 * from what is stored for the same version, or this store runs another handler under the name. Run side by side, each
 * would skip events that only the other one selects.
 */
export class SubscriptionMismatchError extends EventSourcedError {
  readonly code = 'subscription-mismatch'
  readonly subscription: string
  constructor(subscription: string, problem: string) {
    super(`Subscription '${subscription}' does not match: ${problem}`)
    this.subscription = subscription
  }
}

/**
 * No subscription of this name can run: none was ever started under it, an operator has removed it, or a successor has
 * taken over its place.
 */
export class UnknownSubscriptionError extends EventSourcedError {
  readonly code = 'unknown-subscription'
  readonly subscription: string
  /** The subscription that has taken over its place, if one has. */
  readonly successor: string | undefined
  constructor(subscription: string, successor?: string) {
    super(
      successor === undefined
        ? `There is no subscription '${subscription}': none was started under this name, or it was removed. store.subscriptions.list() returns all names`
        : `Subscription '${subscription}' has ended: '${successor}' has taken over its place. Use that name`,
    )
    this.subscription = subscription
    this.successor = successor
  }
}
