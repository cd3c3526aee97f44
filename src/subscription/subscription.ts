/// <reference lib="esnext.disposable" preserve="true" />
/** What a subscription is to its user: the options it is started with, and what it tells. */
import type { Event, RecordedEvent } from '../event.ts'
import type { Projection } from '../projection/projection.ts'
import type { StoreTransaction } from '../projection/transaction.ts'
import type { CallOptions } from '../store.ts'

/** What a handler is told beside the event. */
export interface HandlerContext<Tx extends StoreTransaction = StoreTransaction> {
  /** Aborted when the subscription is stopped or has lost its lease: what is done afterwards may be done twice. */
  readonly signal: AbortSignal
  /** 1 for the first try. */
  readonly attempt: number
  /**
   * The transaction in which the checkpoint moves on: what is written with it is written exactly once. There only if
   * the subscription is `transactional`; to ask for it otherwise is an error.
   */
  readonly tx: Tx
}

export interface EventFilter<E extends Event = Event> {
  /** Only events of these types. */
  readonly types?: readonly E['type'][] | undefined
  /** Only events of streams whose id begins so. */
  readonly streamPrefix?: string | undefined
  /** Only events that carry all of these tags. */
  readonly tags?: readonly string[] | undefined
}

/** Where a subscription begins when it is started for the first time; afterwards it goes on where it was. */
export type StartPosition =
  /** The first event of the log. */
  | 'beginning'
  /** The first event that is recorded after the subscription was started. */
  | 'end'
  /** The first event after this position. */
  | number
  /** The first event recorded at or after this moment. */
  | Date

export interface ErrorPolicy {
  /** How often a failed event is tried again. @default 5 */
  readonly retries?: number | undefined
  /** The first pause before a retry, in milliseconds; it doubles each time, up to 30 s. @default 100 */
  readonly backoff?: number | undefined
  /**
   * What is done then: 'stop' ends the subscription with the error; 'park' sets the event aside and goes on;
   * 'block-stream' does so too, with all later events of its stream. @default 'stop'
   */
  readonly action?: 'stop' | 'park' | 'block-stream' | undefined
}

interface RunOptions {
  readonly onError?: ErrorPolicy | undefined
  /** How long a try may take, in milliseconds: one that takes longer has failed. @default as long as it likes */
  readonly handlerTimeout?: number | undefined
  /** Most events that are read, and handed to `handleBatch`, at once. @default 1000 */
  readonly batchSize?: number | undefined
  /**
   * How long a lease lasts, in milliseconds, after its owner was last heard of: so long nobody handles the events
   * of an owner that was killed. @default 15,000
   */
  readonly leaseTime?: number | undefined
  /** Longest sleep between two looks at the log, in milliseconds. @default 250 */
  readonly pollInterval?: number | undefined
  readonly onStateChange?: ((state: SubscriptionState, error?: unknown) => void) | undefined
}

interface HandlerOptions<E extends Event> extends RunOptions, EventFilter<E> {
  /** Unique among the store's subscriptions: workers that use the same name share the work. */
  readonly name: string
  /** @default 'beginning' */
  readonly from?: StartPosition | undefined
  /**
   * Into how many parts the streams are divided: in order within a stream, and at once across parts, which are
   * spread over all workers. Cannot be changed later. @default 1
   */
  readonly partitions?: number | undefined
  /** Whether each call of the handler has a transaction, `tx`, which commits with the checkpoint. @default false */
  readonly transactional?: boolean | undefined
}

/** A handler of events, one by one or in batches. */
interface HandleOptions<E extends Event, Tx extends StoreTransaction> extends HandlerOptions<E> {
  /** Called for one event after the other, in order. Throws if it has failed. */
  handle(event: RecordedEvent<E>, context: HandlerContext<Tx>): Promise<void> | void
}

interface HandleBatchOptions<E extends Event, Tx extends StoreTransaction> extends HandlerOptions<E> {
  /**
   * Called with several events, in order. If it throws, it is called with each of them alone, so that the one at
   * fault is found.
   */
  handleBatch(events: readonly RecordedEvent<E>[], context: HandlerContext<Tx>): Promise<void> | void
}

/** An async projection: its name is the subscription's, and its filter too. */
interface ProjectOptions extends RunOptions {
  readonly projection: Projection
}

export type SubscribeOptions<E extends Event = Event, Tx extends StoreTransaction = StoreTransaction> =
  | HandleOptions<E, Tx>
  | HandleBatchOptions<E, Tx>
  | ProjectOptions

export type SubscriptionState =
  | 'starting'
  | 'leasing'
  | 'catching-up'
  | 'live'
  | 'retrying'
  | 'parking'
  | 'stopping'
  | 'stopped'
  | 'failed'

export interface SubscriptionStatus {
  readonly name: string
  /** Of this worker; undefined if the subscription is not run here. */
  readonly state: SubscriptionState | undefined
  /** Everything up to here is handled, by whichever worker. */
  readonly checkpoint: number
  /** The position of the last event of the log. */
  readonly head: number
  /** head - checkpoint: how many events there are to look at, at most (positions have gaps). */
  readonly lag: number
  /** How long ago the first event after the checkpoint was recorded, in seconds; 0 if there is none. */
  readonly lagSeconds: number
  /** How many events are parked (or blocked by one that is). */
  readonly parked: number
  /** Who holds the partitions, each once; empty if nobody does. */
  readonly owners: readonly string[]
  readonly partitions: readonly {
    readonly partition: number
    readonly checkpoint: number
    readonly owner: string | undefined
  }[]
  /** What this worker met last, if anything. */
  readonly lastError: unknown
}

interface CaughtUpOptions extends CallOptions {
  /** Up to which position. @default the last event of the log now */
  readonly position?: number | undefined
  /** @default 30,000 milliseconds */
  readonly timeout?: number | undefined
}

/** A subscription that runs in this process: one worker of those that share its name. */
export interface Subscription extends AsyncDisposable {
  readonly name: string
  /** This worker's name among the owners of leases. */
  readonly worker: string
  status(): Promise<SubscriptionStatus>
  /**
   * Resolves once everything up to a position is handled or parked, by whichever worker; at 0, or in an empty log, once
   * the subscription has its place in the log, so that what is appended from then on is its own.
   * @throws SubscriptionBehindError when it takes too long, or what the subscription failed with
   */
  caughtUp(options?: CaughtUpOptions): Promise<void>
  /**
   * Takes no further event, waits for the one that is handled (at most so many milliseconds, 30,000 by default, before
   * it is given up), and gives the leases back.
   */
  stop(options?: { readonly timeout?: number | undefined }): Promise<void>
  /**
   * Resolves when the subscription was stopped, rejects with a SubscriptionFailedError when it cannot go on. Nobody
   * listening makes that an unhandled rejection, which ends the process: a subscription never stops silently.
   */
  readonly done: Promise<void>
}

export interface RunOnceOptions extends CallOptions {
  /** Takes no further event after so many milliseconds. @default 30,000 */
  readonly maxMs?: number | undefined
}

export interface RunOnceResult {
  /** How many events were handled here. */
  readonly handled: number
  readonly parked: number
  /** The checkpoint; of partitions, the one that is furthest behind. */
  readonly checkpoint: number
  /** True if everything is handled that was in the log when the call was made. */
  readonly caughtUp: boolean
}

export interface ParkedEvent {
  readonly position: number
  readonly streamId: string
  readonly eventId: string
  readonly type: string
  readonly state: 'parked' | 'blocked' | 'retrying'
  readonly attempts: number
  /** The error's name and message. */
  readonly error: string
  readonly stack: string | undefined
  readonly parkedAt: Date
}

/** The events that a subscription has set aside. */
export interface ParkedEvents {
  /** In order of position. */
  list(options?: CallOptions): AsyncIterable<ParkedEvent>
  /** The event itself. */
  show(
    position: number,
    options?: CallOptions,
  ): Promise<(ParkedEvent & { readonly event: RecordedEvent }) | undefined>
  /** Has it handled again by whoever runs the subscription, now or later. @throws NotParkedError */
  retry(position: number, options?: CallOptions): Promise<void>
  /** Forgets it; what it blocked goes on. @throws NotParkedError */
  skip(position: number, options?: CallOptions): Promise<void>
}
