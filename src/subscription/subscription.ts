/// <reference lib="esnext.disposable" preserve="true" />
/** The public types of subscriptions: the options that start one, and its status. */
import type { CallOptions } from '../call-options.ts'
import type { OfType } from '../catalogue/definitions.ts'
import type { Event, RecordedEvent } from '../event.ts'
import type { EventFilter } from '../input/event-filter.ts'
import type { Projection } from '../projection/projection.ts'
import type { HandlerTransaction } from '../projection/transaction.ts'

/** Passed to the handler with each call. */
export interface HandlerContext<Tx extends HandlerTransaction = HandlerTransaction> {
  /**
   * The handler should stop when this signal is aborted: another attempt, perhaps in another worker, may then repeat
   * its work. Aborted when the subscription stops, the worker loses its lease, or the call exceeds `handlerTimeout`.
   */
  readonly signal: AbortSignal
  /** Which call for this event it is: 1 for the first one, 2 for the first retry. */
  readonly attempt: number
  /**
   * The transaction that also moves the checkpoint: what the handler writes with it is written exactly once. Only a
   * subscription with `transactional: true` has one; without, reading this property throws an InvalidInputError.
   */
  readonly tx: Tx
}

/** Where a new subscription begins. A subscription that exists resumes at its checkpoint instead. */
export type StartPosition =
  /** At the first event of the log. */
  | 'beginning'
  /** After the last event that `readAll` returns when the subscription is created. */
  | 'end'
  /** At the first event that was recorded at or after this moment. A moment in the future counts as `'end'`. */
  | Date
  /** At the first event after this position (exclusive), such as the position of an `AppendResult`. */
  | { readonly after: number }

/**
 * Takes over the place of another subscription: its checkpoints and its parked events. The other one ends: each of its
 * workers stops, in the state 'superseded'. The numbers of partitions may differ. If there is no such subscription, begins
 * at `otherwise`.
 */
export interface Succession {
  /** The name of the other subscription. */
  readonly after: string
  readonly otherwise: StartPosition
}

/** What a subscription does when its handler fails. */
export interface ErrorPolicy {
  /** Maximum number of retries of an event whose handler failed. @default 5 */
  readonly retries?: number | undefined
  /**
   * The pause before the first retry, in milliseconds. It doubles with each retry, up to 30 s, and is shortened at
   * random by up to a half. @default 100
   */
  readonly backoff?: number | undefined
  /**
   * What happens after the last retry. 'stop': the subscription fails with the error. 'park': the store parks the event
   * (see `ParkedEvents`), and the next event follows. 'block-stream': the store parks the event and all later events of
   * its stream. @default 'stop'
   */
  readonly action?: 'stop' | 'park' | 'block-stream' | undefined
  /**
   * Called after each failed call for a single event, while retries are left. If it returns false, the event is not
   * retried: `action` applies at once. It must return true or false, and no promise; anything else, or a throw, fails
   * the subscription.
   * @default every failure is retried
   */
  readonly retryIf?: ((error: unknown, failure: FailedCall) => boolean) | undefined
}

/** A call of the handler for a single event that has failed. */
export interface FailedCall {
  readonly event: RecordedEvent
  /** Which call for this event it was: 1 for the first one, 2 for the first retry. */
  readonly attempt: number
}

/** What changed the state of a worker. Each property is `undefined` if it does not apply. */
export interface StateChange {
  /** The error that the handler or the database has failed with. */
  readonly error: unknown
  /** The event whose call has failed, or that was parked; `undefined` if a batch of several events failed. */
  readonly event: RecordedEvent | undefined
  /** Which call for this event has failed: 1 for the first one. 0 for an event that was parked without a call. */
  readonly attempt: number | undefined
  /** The partition, 0-based, in which the state has changed. */
  readonly partition: number | undefined
}

interface RunOptions {
  /** What happens when the handler fails. @default { retries: 5, backoff: 100, action: 'stop' } */
  readonly onError?: ErrorPolicy | undefined
  /** The longest time that one call of the handler may take, in milliseconds; a longer call fails. @default no limit */
  readonly handlerTimeout?: number | undefined
  /** The largest number of events in one call of `handleBatch`, or one transaction of a projection. @default 1,000 */
  readonly batchSize?: number | undefined
  /**
   * How long a lease lasts after its owner last renewed it, in milliseconds. When a process is killed, another process
   * takes its partitions over after this time. @default 15,000
   */
  readonly leaseTime?: number | undefined
  /** The longest pause between two polls of the log, in milliseconds. @default 250; on DynamoDB 2,000 */
  readonly pollInterval?: number | undefined
  /**
   * Called whenever the state of the worker changes, and also for each failed call of the handler ('retrying') and each
   * parked event ('parking'), of any partition. If it throws, or its promise rejects, the subscription fails. The worker
   * continues while the promise is pending, but does not end before it settles.
   */
  readonly onStateChange?: ((state: SubscriptionState, change: StateChange) => void) | undefined
}

interface HandlerOptions<Type extends string> extends RunOptions, EventFilter<Type> {
  /** Unique among the store's subscriptions. Workers that use the same name share the work. */
  readonly name: string
  /**
   * At least 1. Raise it when you change the filter, `partitions` or `transactional`, or when code of the former version
   * must not run any more. The higher version continues where the lower one was; workers of the lower one stop, in the
   * state 'superseded'. @default 1
   */
  readonly version?: number | undefined
  /** Where a new subscription begins; ignored if the subscription exists. @default 'beginning' */
  readonly from?: StartPosition | Succession | undefined
  /**
   * The number of partitions that the streams are divided into. Events of one stream are handled in order; partitions
   * are handled side by side and are spread over all workers. To change it, raise the version, or call
   * `store.subscriptions.repartition`. @default 1
   */
  readonly partitions?: number | undefined
  /** Whether each call of the handler gets a transaction, `tx`, that commits with the checkpoint. @default false */
  readonly transactional?: boolean | undefined
}

/** A handler of single events. */
interface HandleOptions<E extends Event, Tx extends HandlerTransaction, Type extends E['type']>
  extends HandlerOptions<Type> {
  /** Called with one event at a time, in order. If it throws or rejects, the attempt has failed. */
  handle(event: RecordedEvent<OfType<E, NoInfer<Type>>>, context: HandlerContext<Tx>): Promise<void> | void
}

/** A handler of batches. */
interface HandleBatchOptions<E extends Event, Tx extends HandlerTransaction, Type extends E['type']>
  extends HandlerOptions<Type> {
  /**
   * Called with several events, in order. If it fails, the subscription calls it with each event alone, to find the
   * event at fault.
   */
  handleBatch(
    events: readonly RecordedEvent<OfType<E, NoInfer<Type>>>[],
    context: HandlerContext<Tx>,
  ): Promise<void> | void
}

/** An async projection. The subscription has the name and the filter of the projection. */
interface ProjectOptions extends RunOptions {
  readonly projection: Projection
}

/** The options of a subscription with a handler. `Type`: the types of the events that it gets. */
export type HandlerSubscription<
  E extends Event = Event,
  Tx extends HandlerTransaction = HandlerTransaction,
  Type extends E['type'] = E['type'],
> = HandleOptions<E, Tx, Type> | HandleBatchOptions<E, Tx, Type>

/** The options of a subscription: a handler of single events, a handler of batches, or an async projection. */
export type SubscribeOptions<
  E extends Event = Event,
  Tx extends HandlerTransaction = HandlerTransaction,
  Type extends E['type'] = E['type'],
> = HandlerSubscription<E, Tx, Type> | ProjectOptions

/** The options of any subscription, for code that does not look at the events. */
// biome-ignore lint/suspicious/noExplicitAny: the events and the transaction may have any type
export type AnySubscribeOptions = SubscribeOptions<any, any>

/** The state of one worker of a subscription. */
export type SubscriptionState =
  /** The store creates the subscription, or waits for the database. */
  | 'starting'
  /** The worker has no partition, for example because other workers hold all of them. */
  | 'leasing'
  /** Events that are already in the log are being handled. */
  | 'catching-up'
  /** Everything in the log is handled; new events are handled as they come. */
  | 'live'
  /** The handler or the database has failed, and the worker retries. */
  | 'retrying'
  /** An event was parked. */
  | 'parking'
  /**
   * The next event was written by a newer release, and the catalogue of this process cannot read it. The worker has released
   * its partitions for newer processes, and tries again after 5 s to 60 s.
   */
  | 'outdated'
  /** An operator has paused the subscription. */
  | 'paused'
  | 'stopping'
  | 'stopped'
  /** The worker has stopped, because a higher version or a successor has taken over. */
  | 'superseded'
  /** The worker has stopped, because an operator has removed the subscription. */
  | 'removed'
  /** The subscription has ended with an error. */
  | 'failed'

/** The progress of a subscription over all workers, and the state of the worker in this store. */
export interface SubscriptionStatus {
  readonly name: string
  /**
   * The state of the worker in this store: of several workers with one name, the one that started last; 'failed' also
   * after it has ended. `undefined` if this store does not run the subscription.
   */
  readonly state: SubscriptionState | undefined
  /**
   * All workers together have handled or parked every selected event up to this position. With several partitions: the
   * lowest one.
   */
  readonly checkpoint: number
  /** The position of the last event of the log. */
  readonly lastPosition: number
  /** `lastPosition - checkpoint`: an upper bound of the number of events to handle, because positions have gaps. */
  readonly lag: number
  /**
   * How long ago the first event after the checkpoint was recorded, in milliseconds; 0 if there is none. On Postgres by the
   * clock of the server, elsewhere by that of this process.
   */
  readonly lagTime: number
  /** The number of events that are parked, blocked by a parked event, or waiting for a retry. */
  readonly parked: number
  /** The workers that hold the partitions, each once; empty if no worker does. */
  readonly owners: readonly string[]
  readonly partitions: readonly {
    readonly partition: number
    readonly checkpoint: number
    readonly owner: string | undefined
  }[]
  /** The last error that the worker in this store met, if any. */
  readonly lastError: unknown
}

/** The state of one worker of a store. */
export interface WorkerStatus {
  readonly subscription: string
  /** Its name among the owners of leases. */
  readonly worker: string
  readonly state: SubscriptionState
  /** The last error that it met, if any. */
  readonly lastError: unknown
}

interface CaughtUpOptions extends CallOptions {
  /** The position to wait for. @default the position of the last event that is in the log now */
  readonly position?: number | undefined
  /** How long to wait, in milliseconds. @default 30,000 */
  readonly timeout?: number | undefined
}

/** A subscription that runs in this process: one of the workers that share its name. */
export interface Subscription extends AsyncDisposable {
  readonly name: string
  /** This worker's name among the owners of leases. */
  readonly worker: string
  /** Returns how far the subscription has come, and the state of this worker. */
  status(): Promise<SubscriptionStatus>
  /**
   * Resolves once all workers together have handled or parked every event up to a position. At position 0, or in an
   * empty log, it resolves once the subscription exists, so that it handles everything that is appended from then on.
   * @throws SubscriptionBehindError if that takes longer than `timeout`
   * @throws SubscriptionFailedError if the subscription fails or has failed
   * @throws UnknownSubscriptionError if it was removed, or a successor has taken over its place
   */
  caughtUp(options?: CaughtUpOptions): Promise<void>
  /**
   * Stops the worker: it starts no further event, finishes the one that it handles, and releases its leases. It
   * abandons a handler that takes longer than `timeout` milliseconds (@default 30,000).
   */
  stop(options?: { readonly timeout?: number | undefined }): Promise<void>
  /**
   * Resolves when the subscription has stopped, was superseded or was removed. Rejects with a SubscriptionFailedError
   * when the subscription cannot continue. If no code handles that rejection, Node.js ends the process: a subscription
   * never stops silently.
   */
  readonly done: Promise<void>
}

export interface RunOnceOptions extends CallOptions {
  /** The time after which the call starts no further event, in milliseconds. @default 30,000 */
  readonly timeout?: number | undefined
}

export interface RunOnceResult {
  /** How many events this call handled. */
  readonly handled: number
  /** How many events this call parked. */
  readonly parked: number
  /** The checkpoint; with several partitions, the lowest one. */
  readonly checkpoint: number
  /** True if everything is handled that was in the log when the call began. */
  readonly caughtUp: boolean
  /** True if events wait because an operator has paused the subscription. */
  readonly paused: boolean
}

/** An event that a subscription has parked: its retries are used up, or an earlier event of its stream is parked. */
export interface ParkedEvent {
  readonly position: number
  readonly streamId: string
  readonly eventId: string
  /** The type of the event today; the stored one if the catalogue of the store splits or drops it. */
  readonly type: string
  /** 'blocked': an earlier event of its stream is parked. 'retrying': a worker will handle it again. */
  readonly state: 'parked' | 'blocked' | 'retrying'
  /** How many calls of the handler have failed; 0 for a blocked event, which had no attempt. */
  readonly failures: number
  /** The name and message of the last error. */
  readonly error: string
  readonly stack: string | undefined
  readonly parkedAt: Date
}

/** The options of `list` of the parked events. */
export interface ListParkedOptions extends CallOptions {
  /** Only events after this position (exclusive). @default 0 */
  readonly after?: number | undefined
  /** The largest number of events to return. @default all */
  readonly limit?: number | undefined
}

/** Lists the parked events of a subscription, and retries or skips them. */
export interface ParkedEvents {
  /** Lists them in order of position; nothing if no subscription has the name. */
  list(options?: ListParkedOptions): AsyncIterable<ParkedEvent>
  /**
   * Returns a parked event with `events`, as the handler gets them: one event, unless the catalogue of the store reads it as
   * several events or none. Returns `undefined` if none is parked at this position.
   * @throws UnreadableEventError if the catalogue cannot read the event
   */
  show(
    position: number,
    options?: CallOptions,
  ): Promise<(ParkedEvent & { readonly events: readonly RecordedEvent[] }) | undefined>
  /**
   * Lets the workers handle a parked event again, or all parked events that a filter selects. Returns the number of
   * events. Blocked events follow by themselves.
   * @throws NotParkedError if no event is parked at the position
   * @throws UnknownSubscriptionError if no subscription has the name
   * @throws InvalidInputError if the filter has an unknown property
   */
  retry(which: number | ParkedFilter, options?: ParkedCallOptions): Promise<number>
  /**
   * Removes a parked event without handling it, or all parked and blocked events that a filter selects. Events that they
   * blocked are handled then. Returns the number of events.
   * @throws NotParkedError if no event is parked at the position
   * @throws UnknownSubscriptionError if no subscription has the name
   * @throws InvalidInputError if the filter has an unknown property
   */
  skip(which: number | ParkedFilter, options?: ParkedCallOptions): Promise<number>
}

/** Selects parked events. An event must match every given property; `{}` selects all. */
export interface ParkedFilter {
  /** Only events of this type, under its stored name or under the name that it is read as today. */
  readonly type?: string | undefined
  /** Only events of this stream. */
  readonly streamId?: string | undefined
  /** Only events whose error contains this text. */
  readonly error?: string | undefined
}

export interface ParkedCallOptions extends CallOptions {
  /**
   * Called after each page of 500 parked events, if `which` is a filter; the call waits for the promise that it returns.
   * If it throws, or its promise rejects, the call fails with that error.
   */
  readonly onProgress?: ((progress: ParkedProgress) => Promise<void> | void) | undefined
}

export interface ParkedProgress {
  /** How many events are retried or skipped so far. */
  readonly count: number
  /** The call has read all parked events up to this position (inclusive). */
  readonly position: number
}
