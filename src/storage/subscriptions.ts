/** What a storage must do for subscriptions: checkpoints, leases, and events that were set aside. */

/**
 * The right of one worker to handle a partition of a subscription. Each new holder gets a greater token, by which
 * the storage knows one whose lease has ended (a fencing token, after Kleppmann, "How to do distributed locking").
 */
export interface Lease {
  readonly subscription: string
  /** 0-based. */
  readonly partition: number
  readonly token: number
  /** The checkpoint when the lease was answered: everything up to this position is handled. */
  readonly position: number
  /** See `LogPage`: a lease is good for nothing on another server. */
  readonly server?: string | undefined
}

export interface KeptLeases {
  /** Those that the worker has from now on, for the time it asked for. */
  readonly leases: readonly Lease[]
  /** How many it should have, so that all workers have about the same: it releases what it has too many. */
  readonly share: number
}

export interface PartitionCheckpoint {
  readonly partition: number
  readonly position: number
  /** Who holds it, if anybody does now. */
  readonly owner: string | undefined
}

export type ParkedState =
  /** Waits for somebody's word. */
  | 'parked'
  /** Was not tried: an earlier event of its stream is parked. */
  | 'blocked'
  /** To be handled again by whoever has the lease. */
  | 'retrying'

export interface ParkedRecord {
  readonly partition: number
  readonly position: number
  readonly streamId: string
  readonly eventId: string
  readonly type: string
  readonly state: ParkedState
  /** How many calls of the handler have failed; 0 for an event that is blocked and was never tried. */
  readonly failures: number
  readonly error: string
  readonly stack: string | undefined
  readonly parkedAt: Date
}

export type EventToPark = Omit<ParkedRecord, 'partition' | 'parkedAt'>

export interface SubscriptionStorage {
  /**
   * Makes the subscription with all of its checkpoints at `position`, if there is none of that name; answers with
   * the number of its partitions.
   */
  createSubscription(
    subscription: string,
    partitions: number,
    position: number,
    signal?: AbortSignal,
  ): Promise<number>

  /**
   * A worker says that it lives, renews the leases it has, and takes of those that are free as many as its share
   * lacks, for so many milliseconds by the storage's clock.
   */
  keepLeases(
    subscription: string,
    worker: string,
    milliseconds: number,
    signal?: AbortSignal,
  ): Promise<KeptLeases>

  /** Gives leases back, so that others need not wait until they end. Leases that are lost already do no harm. */
  releaseLeases(leases: readonly Lease[], worker: string): Promise<void>

  /** The worker is gone: its share is for the others, and whatever leases it has. */
  leave(subscription: string, worker: string): Promise<void>

  /** Moves a checkpoint on. @throws LeaseLostError */
  advance(lease: Lease, position: number, signal?: AbortSignal): Promise<void>

  /** Sets events aside and moves the checkpoint on to `position`, at once. @throws LeaseLostError */
  park(lease: Lease, events: readonly EventToPark[], position: number, signal?: AbortSignal): Promise<void>

  /**
   * The events of the lease's partition that are to be handled now, in order of position: those to be retried, and
   * those that are blocked by no earlier one of their stream any more.
   */
  parkedToHandle(lease: Lease, limit: number, signal?: AbortSignal): Promise<readonly ParkedRecord[]>

  /** A parked event failed again: it is parked as it is given here. @throws LeaseLostError */
  parkAgain(lease: Lease, event: EventToPark, signal?: AbortSignal): Promise<void>

  /** Which streams of the partition have events that are parked, blocked or retrying. */
  parkedStreams(lease: Lease, signal?: AbortSignal): Promise<readonly string[]>

  /** In order of position, after that one. */
  listParked(
    subscription: string,
    after: number,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly ParkedRecord[]>

  /** Lets a parked event be handled again; false if there is none at that position. */
  retryParked(subscription: string, position: number, signal?: AbortSignal): Promise<boolean>

  /** Forgets a parked event, and with it what it blocked is free. False if there is none there. */
  skipParked(subscription: string, position: number, signal?: AbortSignal): Promise<boolean>

  /** Per partition, in order; empty if there is no such subscription. */
  checkpoints(subscription: string, signal?: AbortSignal): Promise<readonly PartitionCheckpoint[]>

  countParked(subscription: string, signal?: AbortSignal): Promise<number>

  /** The last position that holds an event, be it settled or not; 0: none. */
  lastPosition(signal?: AbortSignal): Promise<number>

  /** The position before the first event that was recorded at or after the time; the last position if there is none. */
  positionBefore(time: Date, signal?: AbortSignal): Promise<number>
}
