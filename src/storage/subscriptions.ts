/** The part of the `Storage` contract that keeps subscriptions: checkpoints, leases and parked events. */

/**
 * The right of one worker to handle a partition of a subscription. Every new owner gets a higher token. With it, the
 * storage refuses the writes of an earlier owner (a fencing token: Kleppmann, "How to do distributed locking").
 */
export interface Lease {
  readonly subscription: string
  /** 0-based. */
  readonly partition: number
  /** The fencing token. */
  readonly token: number
  /** The checkpoint when the storage returned the lease: everything at or before this position is handled. */
  readonly position: number
  /** The server that granted the lease, see `LogPage.server`. Another server refuses it. @default none */
  readonly server?: string | undefined
}

/** The leases of one worker after a heartbeat. */
export interface KeptLeases {
  /** All leases of the worker, valid for the time that it asked for. */
  readonly leases: readonly Lease[]
  /** The largest number of leases that the worker should hold, so that all workers hold about the same. */
  readonly share: number
}

export interface PartitionCheckpoint {
  readonly partition: number
  /** Everything in the partition at or before this position is handled. */
  readonly position: number
  /** The worker that holds the lease; undefined if none does. */
  readonly owner: string | undefined
}

export type ParkedState =
  /** The handler failed. The event waits until the user retries or skips it. */
  | 'parked'
  /** The handler was not called, because an earlier event of the same stream is parked. */
  | 'blocked'
  /** The user has asked for a retry. The owner of the partition handles the event next. */
  | 'retrying'

/** A parked event as it is stored. */
export interface ParkedRecord {
  readonly partition: number
  readonly position: number
  readonly streamId: string
  readonly eventId: string
  readonly type: string
  readonly state: ParkedState
  /** How many calls of the handler have failed; 0 for a blocked event whose handler was never called. */
  readonly failures: number
  /** The text of the last error. */
  readonly error: string
  readonly stack: string | undefined
  readonly parkedAt: Date
}

/** A stream that has parked events. */
export interface ParkedStream {
  readonly streamId: string
  /** The position of its last event that is parked, blocked or retrying. */
  readonly position: number
}

export type EventToPark = Omit<ParkedRecord, 'partition' | 'parkedAt'>

/**
 * The methods of a storage that keep subscriptions. A method that takes a lease and writes must check the lease's token
 * and write in one atomic step. It throws a LeaseLostError, and writes nothing, if the lease was released or another
 * worker has taken it. A lease whose time has ended, and that no other worker has taken, still counts as held.
 */
export interface SubscriptionStorage {
  /**
   * Creates a subscription with all checkpoints at `position`, unless one of that name exists. Returns the number of
   * its partitions, which may differ from `partitions` if it existed.
   */
  createSubscription(
    subscription: string,
    partitions: number,
    position: number,
    signal?: AbortSignal,
  ): Promise<number>

  /**
   * The heartbeat of a worker: marks it as alive, renews its leases for `milliseconds`, and takes free or ended leases
   * until it has its share. A renewed lease keeps its token; a taken one gets a higher token. The wall clock of a
   * worker must not decide whether another worker's lease has ended. Returns no leases if there is no such
   * subscription.
   */
  keepLeases(
    subscription: string,
    worker: string,
    milliseconds: number,
    signal?: AbortSignal,
  ): Promise<KeptLeases>

  /** Releases leases, so that other workers can take them at once. Ignores leases that are lost already. */
  releaseLeases(leases: readonly Lease[], worker: string): Promise<void>

  /** Removes a worker: releases its leases, and no longer counts it when shares are computed. */
  leave(subscription: string, worker: string): Promise<void>

  /** Moves the checkpoint of a lease forward, never back. @throws LeaseLostError */
  advance(lease: Lease, position: number, signal?: AbortSignal): Promise<void>

  /**
   * Parks events, replacing their earlier records, and moves the checkpoint as `advance` does. @throws LeaseLostError
   */
  park(lease: Lease, events: readonly EventToPark[], position: number, signal?: AbortSignal): Promise<void>

  /**
   * Returns up to `limit` parked events of the lease's partition that the worker must handle now, in order of position:
   * the retrying ones, and the blocked ones whose stream has no earlier parked event any more.
   */
  parkedToHandle(lease: Lease, limit: number, signal?: AbortSignal): Promise<readonly ParkedRecord[]>

  /** Replaces the record of a parked event whose retry has failed. @throws LeaseLostError */
  parkAgain(lease: Lease, event: EventToPark, signal?: AbortSignal): Promise<void>

  /** Returns the streams of the lease's partition that have events that are parked, blocked or retrying. */
  parkedStreams(lease: Lease, signal?: AbortSignal): Promise<readonly ParkedStream[]>

  /**
   * Returns up to `limit` parked events of all partitions after the position `after` (exclusive), in order of position.
   */
  listParked(
    subscription: string,
    after: number,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly ParkedRecord[]>

  /**
   * Makes a parked event a retrying one; does not change a blocked or retrying one. Returns false if there is no parked
   * event at that position.
   */
  retryParked(subscription: string, position: number, signal?: AbortSignal): Promise<boolean>

  /**
   * Removes a parked event, which unblocks the next one of its stream. Returns false if there is none at that position.
   */
  skipParked(subscription: string, position: number, signal?: AbortSignal): Promise<boolean>

  /** Returns the checkpoint of each partition, in order; an empty list if there is no such subscription. */
  checkpoints(subscription: string, signal?: AbortSignal): Promise<readonly PartitionCheckpoint[]>

  /** Returns the number of events that are parked, blocked or retrying. */
  countParked(subscription: string, signal?: AbortSignal): Promise<number>

  /** Returns the position of the last recorded event, even if it is after the frontier; 0 if the log is empty. */
  lastPosition(signal?: AbortSignal): Promise<number>

  /**
   * Returns a position after which reading starts with the first event that was recorded at or after `time`. If there
   * is no such event, returns the last position.
   */
  positionBefore(time: Date, signal?: AbortSignal): Promise<number>
}
