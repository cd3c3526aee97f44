/** The part of the `Storage` contract that keeps subscriptions: checkpoints, leases and parked events. */
import type { RegisteredSubscription, SkipLayer, SubscriptionRegistry } from './registry.ts'

/**
 * The right of one worker to handle a partition of a subscription. Every new owner gets a higher token. With it, the
 * storage refuses the writes of an earlier owner (a fencing token: Kleppmann, "How to do distributed locking").
 */
export interface Lease {
  /** The name of the subscription. */
  readonly subscription: string
  /** The key of its checkpoints, see `RegisteredSubscription.place`. */
  readonly place: string
  /** 0-based. */
  readonly partition: number
  /** The number of partitions that the streams are divided into. */
  readonly partitions: number
  /** The fencing token. */
  readonly token: number
  /** The checkpoint when the storage returned the lease: all events up to this position (inclusive) are handled. */
  readonly position: number
  /** The server that granted the lease, see `LogPage.server`. Another server refuses it. @default none */
  readonly server?: string | undefined
}

/** A beat: the part of a heartbeat that concerns one worker of the process. */
export interface WorkerBeat {
  readonly subscription: string
  /** The place that the subscription had when the worker registered it. */
  readonly place: string
  /** The version of the worker's definition. */
  readonly version: number
  readonly worker: string
  /** The lease time: how long the leases last from this heartbeat on, in milliseconds. */
  readonly milliseconds: number
}

/** The answer to a heartbeat, for one worker. */
export type KeptLeases =
  | {
      readonly kind: 'kept'
      /** All leases of the worker, valid for its lease time from the last renewal on. */
      readonly leases: readonly Lease[]
      /** How long before the call the leases were last renewed, in milliseconds. @default 0: the call has renewed them */
      readonly renewedBefore?: number
      /**
       * The largest number of leases that the worker should hold, so that all workers hold about the same number; 0 if the
       * subscription is paused.
       */
      readonly share: number
      readonly isPaused: boolean
      /** The events that the partitions must skip. A layer is left out once all checkpoints are beyond it. */
      readonly skip: readonly SkipLayer[]
      /**
       * Differs after each call of `retryParked` or `skipParked` that changed an event, and after `moveCheckpoints`; 0 before
       * the first such call. While the number stays the same, no parked event becomes due. It may be 0 again when no parked
       * event is due.
       */
      readonly parkedRequests: number
    }
  /** A higher version is registered, or a successor has the place of the subscription. The worker has no lease. */
  | { readonly kind: 'superseded' }
  /** The subscription was removed. The worker has no lease. */
  | { readonly kind: 'removed' }

/** A checkpoint to move. */
export interface CheckpointMove {
  readonly lease: Lease
  readonly position: number
}

/**
 * `moved`: the checkpoint is at or after the position. `lost`: the lease was released, or another worker has taken it.
 * `busy`: another transaction holds the checkpoint; the caller must retry.
 */
export type MoveOutcome = 'moved' | 'lost' | 'busy'

export interface PartitionCheckpoint {
  readonly partition: number
  /** All events of the partition up to this position (inclusive) are handled. */
  readonly position: number
  /** The worker that holds the lease; undefined if no worker does. */
  readonly owner: string | undefined
}

export interface SubscriptionProgress {
  readonly subscription: RegisteredSubscription
  /** The lowest checkpoint of all partitions. */
  readonly checkpoint: number
  /** Whether a parked event may be due, see `parkedToHandle`. */
  readonly mayHaveDueEvents: boolean
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

export type EventToPark = Omit<ParkedRecord, 'parkedAt'>

/**
 * The methods of a storage that keep subscriptions. A method that takes a lease and writes must check the lease's token
 * and write in one atomic step. It throws a LeaseLostError, and writes nothing, if the lease was released or another
 * worker has taken it. A lease that has expired, and that no other worker has taken, still counts as held.
 */
export interface SubscriptionStorage extends SubscriptionRegistry {
  /**
   * The heartbeat of a process: marks its workers as alive, renews their leases, and takes free or expired leases until
   * each worker has its share. It may leave a renewal to a later heartbeat, if the leases last until then. A renewed lease
   * keeps its token; a taken one gets a higher token. The wall clock of a worker must not decide whether another worker's
   * lease has expired. If another transaction holds a checkpoint, the call does not wait for it, and leaves its lease as it
   * is. Returns one answer for each beat, in their order.
   *
   * A call may take longer than the leases last. If the storage renews the leases of all workers again during the call, it
   * calls `renewed` after each renewal. `ago`: the time since it sent that renewal, in milliseconds.
   */
  keepLeases(
    beats: readonly WorkerBeat[],
    signal?: AbortSignal,
    renewed?: (ago: number) => void,
  ): Promise<readonly KeptLeases[]>

  /** Releases leases, so that other workers can take them at once. Ignores leases that are already lost. */
  releaseLeases(leases: readonly Lease[], worker: string): Promise<void>

  /** Removes a worker: releases its leases, and no longer counts it when shares are computed. */
  leave(place: string, worker: string): Promise<void>

  /**
   * Moves the checkpoints of leases forward, never back. Each move succeeds or fails independently. Returns one outcome for
   * each move, in their order. `moves` must name each lease at most once.
   */
  advance(moves: readonly CheckpointMove[], signal?: AbortSignal): Promise<readonly MoveOutcome[]>

  /**
   * Parks events, replacing their earlier records, and moves the checkpoint of the lease. @throws LeaseLostError
   */
  park(lease: Lease, events: readonly EventToPark[], position: number, signal?: AbortSignal): Promise<void>

  /**
   * Returns up to `limit` parked events of the lease's partition that the worker must handle now, in order of position:
   * the retrying events, and the blocked events whose stream has no earlier parked event any more.
   */
  parkedToHandle(lease: Lease, limit: number, signal?: AbortSignal): Promise<readonly ParkedRecord[]>

  /** Replaces the record of a parked event whose retry has failed. @throws LeaseLostError */
  parkAgain(lease: Lease, event: EventToPark, signal?: AbortSignal): Promise<void>

  /**
   * Returns the streams of the lease's partition that have events that are parked, blocked or retrying. If the lease is
   * lost, it may throw a LeaseLostError, and must not return the streams of another partition.
   */
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
   * Changes the state of parked events to 'retrying'; does not change blocked or retrying events. Returns the given
   * positions at which an event is parked, blocked or retrying.
   */
  retryParked(
    subscription: string,
    positions: readonly number[],
    signal?: AbortSignal,
  ): Promise<readonly number[]>

  /**
   * Removes parked, blocked and retrying events, which unblocks the next events of their streams. Returns the given
   * positions at which the call removed an event.
   */
  skipParked(
    subscription: string,
    positions: readonly number[],
    signal?: AbortSignal,
  ): Promise<readonly number[]>

  /** Returns the checkpoint of each partition, in order; an empty list if there is no such subscription. */
  checkpoints(subscription: string, signal?: AbortSignal): Promise<readonly PartitionCheckpoint[]>

  /**
   * Returns the definition and the progress of a subscription, so that `runOnce` can end without a worker if there is
   * nothing to do. Returns undefined if there is no such subscription, or if only a worker can tell.
   *
   * @default a worker runs, and finds out
   */
  readProgress?(subscription: string, signal?: AbortSignal): Promise<SubscriptionProgress | undefined>

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
