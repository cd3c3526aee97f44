/** The part of the `Storage` contract that registers subscriptions: what each one is, and what its operators have set. */

/**
 * `handler`: code of the user. `projection`: an async projection. `build`: the checkpoint of a rebuild, which the store
 * keeps under a reserved name.
 */
export type SubscriptionKind = 'handler' | 'projection' | 'build'

/** What a program says that a subscription is. Two programs that use one name must say the same. */
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
 * What the partitions had handled when the subscription was repartitioned: the checkpoint of each former partition, in
 * their order. The new partitions begin at the lowest of them. They pass over an event that is at or before the
 * checkpoint of the former partition that its stream was in.
 */
export type SkipLayer = readonly number[]

export interface RegisteredSubscription {
  readonly name: string
  /**
   * The key of its checkpoints, leases and parked events. No two subscriptions have the same place, and none gets the
   * place of a removed one. Undefined if a successor has taken the place.
   */
  readonly place: string | undefined
  /** Undefined until it is started, if an earlier version of the library has stored it. */
  readonly definition: SubscriptionDefinition | undefined
  /** The number of partitions that it has now. */
  readonly partitions: number
  readonly isPaused: boolean
  /** The subscription that has taken its place over. */
  readonly successor: string | undefined
  readonly createdAt: Date
  /** Another number after each change of the properties above. */
  readonly revision: number
}

/** How a subscription changes. A property that is left out stays as it is. */
export interface SubscriptionChange {
  readonly definition?: SubscriptionDefinition
  /** Repartitions the subscription, see `SkipLayer`. Parked events stay parked. */
  readonly partitions?: number
  /** Moves every checkpoint to this position. Without `again`, a checkpoint that is further stays. */
  readonly position?: number
  /**
   * Whether `position` may move checkpoints back. Then all skip layers go, and the events that are parked after the
   * position are parked no longer, because they are handled again. @default false
   */
  readonly again?: boolean
}

/**
 * The methods of a storage that register subscriptions. A method that takes a `RegisteredSubscription` and writes must
 * compare the stored revision and write in one atomic step. It returns false, and writes nothing, if the stored revision
 * is another one, or if the subscription was removed.
 *
 * Such a write ends all leases of the subscription: their tokens are refused from then on. So no checkpoint moves between
 * the reading of the checkpoints and the end of the change. If a storage needs several steps for that, and the process
 * dies between two of them, the next heartbeat of any worker completes the change.
 */
export interface SubscriptionRegistry {
  /** Returns a subscription; undefined if none of that name is registered. */
  readSubscription(name: string, signal?: AbortSignal): Promise<RegisteredSubscription | undefined>

  /**
   * Registers a subscription with all checkpoints at `position`, unless one of that name is registered. Returns what is
   * registered then.
   */
  createSubscription(
    name: string,
    definition: SubscriptionDefinition,
    position: number,
    signal?: AbortSignal,
  ): Promise<RegisteredSubscription>

  /** Changes a subscription, and ends all its leases. */
  changeSubscription(
    current: RegisteredSubscription,
    change: SubscriptionChange,
    signal?: AbortSignal,
  ): Promise<boolean>

  /**
   * Registers `successor`, which gets the place of `current`, with its checkpoints, parked events and skip layers, and
   * with `definition.partitions` partitions. It is paused if `current` is. Also returns false if a subscription of that
   * name is registered already.
   */
  takeOverSubscription(
    current: RegisteredSubscription,
    successor: string,
    definition: SubscriptionDefinition,
    signal?: AbortSignal,
  ): Promise<boolean>

  /**
   * Pauses a subscription, or resumes it. Ends no lease: the workers finish what they handle, and release their leases
   * themselves. Returns false if no such subscription is registered, or if a successor has its place.
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
 * Returns where the new partitions of a subscription begin, and what they must pass over.
 *
 * @param skip the layers so far
 * @param checkpoints the checkpoints of the former partitions, in their order
 */
export function divideAnew(
  skip: readonly SkipLayer[],
  checkpoints: readonly number[],
): { readonly position: number; readonly skip: readonly SkipLayer[] } {
  const position = Math.min(...checkpoints)
  const layers = [...skip, checkpoints].filter((layer) => Math.max(...layer) > position)
  return { position, skip: layers }
}
