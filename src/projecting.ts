/** The part of the contract that is about what comes of events: views, subscriptions, rebuilding. */
import type { Event } from './event.ts'
import type { AnyDocumentProjection, DocumentProjection, Projection } from './projection/projection.ts'
import type { RebuildOptions, RebuildResult } from './projection/rebuild.ts'
import type { StoreTransaction } from './projection/transaction.ts'
import type { VerifyOptions, VerifyResult } from './projection/verify.ts'
import type { View } from './projection/view.ts'
import type { CallOptions } from './store.ts'
import type {
  ParkedEvents,
  RunOnceOptions,
  RunOnceResult,
  SubscribeOptions,
  Subscription,
  SubscriptionStatus,
} from './subscription/subscription.ts'

/** What a store is opened with, whichever it is. */
export interface StoreOptions {
  /**
   * Projections whose documents change in the transaction of the append. Whoever appends to the same data must name
   * the same ones. @default none
   */
  readonly inline?: readonly Projection[] | undefined
}

export interface Projecting<Tx extends StoreTransaction> {
  /** Reads the documents of a projection, or of a collection that handlers write by hand. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever its events are
  view<State>(projection: DocumentProjection<State, any> | string): View<State>

  /** Starts handling events in this process, from where the subscription of that name has come to. */
  subscribe<E extends Event = Event>(options: SubscribeOptions<E, Tx>): Subscription

  /** Handles what there is, and returns: for functions that are called from time to time, and for tests. */
  runOnce<E extends Event = Event>(
    options: SubscribeOptions<E, Tx>,
    limits?: RunOnceOptions,
  ): Promise<RunOnceResult>

  /** How far a subscription has come; undefined if there is none of that name. */
  subscriptionStatus(name: string, options?: CallOptions): Promise<SubscriptionStatus | undefined>

  /** The events that a subscription has set aside. */
  parked(subscription: string): ParkedEvents

  /** Builds the documents of a projection anew, beside the present ones, and then puts them in their place. */
  rebuild(projection: AnyDocumentProjection, options?: RebuildOptions): Promise<RebuildResult>

  /** Builds the documents anew, and tells where the present ones differ. Changes nothing. */
  verify(projection: AnyDocumentProjection, options?: VerifyOptions): Promise<VerifyResult>
}
