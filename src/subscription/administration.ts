/** The public types of `store.subscriptions`: what operators see of subscriptions, and can change. */
import type { CallOptions } from '../call-options.ts'
import type { StartPosition } from './subscription.ts'

/** A registered subscription, and how far its workers have come, in whichever process they run. */
export interface SubscriptionSummary {
  readonly name: string
  /** 'projection': an async projection. `undefined` until it is started once with this version of the library. */
  readonly kind: 'handler' | 'projection' | undefined
  /** The highest version that was started; `undefined` as above. */
  readonly version: number | undefined
  /** 'superseded': `successor` has taken over its place, so it has no checkpoint of its own any more. */
  readonly state: 'active' | 'paused' | 'superseded'
  readonly successor: string | undefined
  /** What it selects; `undefined` for no condition. */
  readonly types: readonly string[] | undefined
  readonly streamPrefix: string | undefined
  readonly tags: readonly string[] | undefined
  readonly transactional: boolean
  /** The number of its partitions. */
  readonly partitions: number
  /** The workers that hold its partitions, each once; empty if none runs it. */
  readonly owners: readonly string[]
  /** Everything up to this position is handled or parked; with several partitions, the lowest one. */
  readonly checkpoint: number
  /** The position of the last event of the log minus the checkpoint: an upper bound of the events to handle. */
  readonly lag: number
  /** How long ago the first event after the checkpoint was recorded, in milliseconds; 0 if there is none. */
  readonly lagTime: number
  /** The number of events that are parked, blocked by a parked event, or waiting for a retry. */
  readonly parked: number
  readonly createdAt: Date
}

export interface MoveOptions extends CallOptions {
  /** Whether events that are handled already may be handled again. @default false */
  readonly again?: boolean | undefined
}

/**
 * Lists and changes the subscriptions of the store. All processes that run a subscription hear of a change within a
 * second. Each call throws an UnknownSubscriptionError if no subscription of the name is registered; all but `remove` also if a
 * successor has taken over its place.
 */
export interface SubscriptionAdministration {
  /** Lists all subscriptions in order of their names (by Unicode code point). */
  list(options?: CallOptions): AsyncIterable<SubscriptionSummary>
  /**
   * Lets the workers finish the events that they handle, and start no other. They stay in the state 'paused'. The
   * pause lasts until `resume`; a process that starts meanwhile keeps to it.
   */
  pause(name: string, options?: CallOptions): Promise<void>
  resume(name: string, options?: CallOptions): Promise<void>
  /**
   * Lets the subscription go on at another place of the log, given as for `from`. Events between the two places are
   * passed over, or with `again: true` handled again. Events that are handled at this moment may be handled again.
   * Returns the position after which it goes on.
   * @throws InvalidInputError if it is further already, without `again`; or if it is a projection: `rebuild` that
   */
  move(name: string, to: StartPosition, options?: MoveOptions): Promise<number>
  /**
   * Divides the streams into another number of partitions. No event is left out; each event whose handling is stored is
   * handled once. The number in the code counts again when a version with another number than before is started.
   * @throws InvalidInputError if it is a projection: that has one partition
   */
  repartition(name: string, partitions: number, options?: CallOptions): Promise<void>
  /**
   * Removes a subscription, its checkpoints and its parked events. Its workers stop, in the state 'removed'. If it is
   * started again later, it begins where its `from` says.
   * @throws InvalidInputError if it is a projection that has documents: `dropProjection` first
   */
  remove(name: string, options?: CallOptions): Promise<void>
}
