/** The public types of `store.subscriptions`: what operators see of subscriptions, and can change. */
import type { CallOptions } from '../call-options.ts'
import type { StartPosition } from './subscription.ts'

/** A registered subscription, and how far the workers of all processes have come. */
export interface SubscriptionSummary {
  readonly name: string
  /** 'projection': an async projection. `undefined` until it is started once with this version of the library. */
  readonly kind: 'handler' | 'projection' | undefined
  /** The highest version that was started; `undefined` as above. */
  readonly version: number | undefined
  /** 'superseded': `successor` has taken over its place, so it has no checkpoint of its own any more. */
  readonly state: 'active' | 'paused' | 'superseded'
  /** The subscription that has taken over its place. */
  readonly successor: string | undefined
  /** The filter: the types of events that it selects; `undefined` for all. So too `streamPrefix` and `tags`. */
  readonly types: readonly string[] | undefined
  readonly streamPrefix: string | undefined
  readonly tags: readonly string[] | undefined
  readonly transactional: boolean
  /** The number of its partitions. */
  readonly partitions: number
  /** The workers that hold its partitions, each once; empty if none runs it. */
  readonly owners: readonly string[]
  /** The number of its partitions that no worker holds. */
  readonly unowned: number
  /** All events up to this position (inclusive) are handled or parked. With several partitions: the lowest checkpoint. */
  readonly checkpoint: number
  /** The position of the last event of the log minus the checkpoint: an upper bound of the events to handle. */
  readonly lag: number
  /**
   * How long ago the first event after the checkpoint was recorded, in milliseconds; 0 if there is none. On Postgres by the
   * clock of the server, elsewhere by that of this process.
   */
  readonly lagTime: number
  /** The number of events that are parked, blocked by a parked event, or waiting for a retry. */
  readonly parked: number
  /** When it was registered. */
  readonly createdAt: Date
}

export interface MoveOptions extends CallOptions {
  /** Whether `move` may go back, so that the handler gets events again. @default false */
  readonly again?: boolean | undefined
}

/**
 * Lists and changes the subscriptions of the store. The workers of all processes hear of a change with their next
 * heartbeat, within a second. Each change throws an UnknownSubscriptionError if no subscription of the name is registered;
 * all but `remove` also if a successor has taken over its place.
 */
export interface SubscriptionAdministration {
  /** Lists all subscriptions in order of their names (by Unicode code point). */
  list(options?: CallOptions): AsyncIterable<SubscriptionSummary>
  /** Returns one subscription; `undefined` if none of the name is registered. */
  get(name: string, options?: CallOptions): Promise<SubscriptionSummary | undefined>
  /**
   * Stores the pause and returns. The workers finish the call of the handler that runs, start no other, and stay in the
   * state 'paused'. The pause lasts until `resume`, also when processes restart.
   */
  pause(name: string, options?: CallOptions): Promise<void>
  /** Ends a pause: the workers continue at the checkpoint. Without a pause, changes nothing. */
  resume(name: string, options?: CallOptions): Promise<void>
  /**
   * Moves the checkpoint to another position of the log, given as for `from`. Forward: the handler never gets the events
   * in between. Backward, with `again: true`: the handler gets them again. If a handler runs at that moment, it may get
   * its event again. Returns the position after which the subscription continues.
   * @throws InvalidInputError if the checkpoint is beyond `to` and `again` is not true; or for a projection: call `rebuild`
   * @throws LogTruncatedError if the position is beyond the end of the log
   */
  move(name: string, to: StartPosition, options?: MoveOptions): Promise<number>
  /**
   * Divides the streams into another number of partitions, from 1 to 1,000. No event is skipped, and no event whose
   * handling is stored is handled again. The number in the code counts again when a higher version starts whose number
   * differs from that of the version before.
   * @throws InvalidInputError for another number; or for a projection, which has one partition
   */
  repartition(name: string, partitions: number, options?: CallOptions): Promise<void>
  /**
   * Removes a subscription, its checkpoints and its parked events. Its workers stop, in the state 'removed'. If it is
   * started again later, it begins where its `from` says.
   * @throws InvalidInputError for a projection that has documents: call `dropProjection` first
   */
  remove(name: string, options?: CallOptions): Promise<void>
}
