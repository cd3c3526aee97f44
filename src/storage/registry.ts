/** The part of the `Storage` contract that registers subscriptions: their definitions, and the settings of operators. */

/**
 * `handler`: code of the user. `projection`: an async projection. `build`: the checkpoint of a rebuild, which the store
 * keeps under a reserved name.
 */
export type SubscriptionKind = 'handler' | 'projection' | 'build'

/** The beginning of the names of builds. No name of a user begins with `$`. */
export const buildPrefix = '$build:'

/** The definition of a subscription in a program. Two programs with one name and version must have the same one. */
export interface SubscriptionDefinition {
  readonly kind: SubscriptionKind
  /** At least 1. A higher version replaces a lower one, and continues where it was. */
  readonly version: number
  /** The number of partitions that the program asks for. An operator may have set another number since. */
  readonly partitions: number
  readonly transactional: boolean
  /** Sorted, each once; undefined for all types. */
  readonly types: readonly string[] | undefined
  readonly streamPrefix: string | undefined
  /** Sorted, each once; undefined for no condition. */
  readonly tags: readonly string[] | undefined
}

/**
 * The events that the former partitions had handled when the subscription was repartitioned: the checkpoint of each former
 * partition, in their order. The new partitions begin at the lowest checkpoint. They skip an event that is at or before
 * the checkpoint of the former partition of its stream.
 */
export type SkipLayer = readonly number[]

export interface RegisteredSubscription {
  readonly name: string
  /**
   * The key of its checkpoints, leases and parked events. No two subscriptions have the same place, and no subscription
   * gets the place of a removed one. Undefined if a successor has taken over the place.
   */
  readonly place: string | undefined
  /** Undefined if an earlier version of the library stored the subscription, and no worker has started it since. */
  readonly definition: SubscriptionDefinition | undefined
  /** The present number of partitions. */
  readonly partitions: number
  readonly isPaused: boolean
  /** The name of the subscription that has taken over its place. */
  readonly successor: string | undefined
  readonly createdAt: Date
  /** Differs after each change of the properties above. */
  readonly revision: number
}

/** How a subscription changes. A property that is left out stays as it is. */
export interface SubscriptionChange {
  readonly definition?: SubscriptionDefinition
  /** Repartitions the subscription, see `SkipLayer`. Parked events stay parked. */
  readonly partitions?: number
  /** Moves every checkpoint to this position. Without `again`, a checkpoint that is beyond it does not move. */
  readonly position?: number
  /**
   * Whether `position` may move checkpoints back. If true, the storage deletes all skip layers, and the records of parked
   * events after the position: the workers handle these events again. @default false
   */
  readonly again?: boolean
}

/**
 * The methods of a storage that register subscriptions. A method that takes a `RegisteredSubscription` and writes must
 * compare the stored revision and write in one atomic step. It returns false, and writes nothing, if the stored revision
 * differs, or if the subscription was removed.
 *
 * Such a write ends all leases of the subscription: their tokens are refused from then on. So no checkpoint moves between
 * the reading of the checkpoints and the end of the change. If a storage needs several steps for that, and the process
 * dies between two of them, the next heartbeat of any worker completes the change.
 */
export interface SubscriptionRegistry {
  /** Returns a subscription; undefined if none of that name is registered. */
  readSubscription(name: string, signal?: AbortSignal): Promise<RegisteredSubscription | undefined>

  /**
   * Registers a subscription with all checkpoints at `position`, unless the name is registered. Returns the registered
   * subscription: the new one, or the one that was there.
   */
  createSubscription(
    name: string,
    definition: SubscriptionDefinition,
    position: number,
    signal?: AbortSignal,
  ): Promise<RegisteredSubscription>

  /** Changes a subscription, and ends all its leases. Returns false as described above. */
  changeSubscription(
    current: RegisteredSubscription,
    change: SubscriptionChange,
    signal?: AbortSignal,
  ): Promise<boolean>

  /**
   * Registers `successor`, which gets the place of `current`, with its checkpoints, parked events and skip layers, and
   * with `definition.partitions` partitions. The successor is paused if `current` is paused. Also returns false if the name
   * `successor` is registered already.
   */
  takeOverSubscription(
    current: RegisteredSubscription,
    successor: string,
    definition: SubscriptionDefinition,
    signal?: AbortSignal,
  ): Promise<boolean>

  /**
   * Pauses a subscription, or resumes it. Ends no lease: the workers finish the events that they handle, and release their
   * leases themselves. Returns false if the name is not registered, or if a successor has taken over its place.
   */
  pauseSubscription(name: string, isPaused: boolean, signal?: AbortSignal): Promise<boolean>

  /** Removes a subscription with its checkpoints and parked events. */
  removeSubscription(current: RegisteredSubscription, signal?: AbortSignal): Promise<boolean>

  /** Returns up to `limit` subscriptions whose name sorts after `after` (exclusive), in code point order. */
  listSubscriptions(
    after: string,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly RegisteredSubscription[]>
}

/**
 * Returns the position at which the new partitions of a subscription begin, and the events that they must skip.
 *
 * @param skip the present skip layers
 * @param checkpoints the checkpoints of the former partitions, in their order
 */
export function repartition(
  skip: readonly SkipLayer[],
  checkpoints: readonly number[],
): { readonly position: number; readonly skip: readonly SkipLayer[] } {
  const position = Math.min(...checkpoints)
  const layers = [...skip, checkpoints].filter((layer) => Math.max(...layer) > position)
  return { position, skip: layers }
}
