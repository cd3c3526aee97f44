/** The facts that a store measures, the same on all stores. Durations are in milliseconds. */

/** A fact that the store has measured. `kind` says which. A minor release may add kinds. */
export type Metric =
  | AppendMetric
  | CommitMetric
  | ReadMetric
  | CommandMetric
  | HandleMetric
  | ParkMetric
  | LagMetric
  | IncidentMetric
  | CapacityMetric

/** A call of `append` or `appendAll`, or a batch of `import`, has ended. A call that the input rules refuse is not reported. */
export interface AppendMetric {
  readonly kind: 'append'
  /** The number of events of the call. */
  readonly events: number
  readonly streams: number
  readonly duration: number
  /**
   * `repeated`: an earlier call had recorded the events. `conflict`: a stream was at another version than expected.
   * `failed`: any other error.
   */
  readonly outcome: 'appended' | 'repeated' | 'conflict' | 'failed'
}

/** The database has committed appends, or refused to. One commit may contain the appends of many callers. */
export interface CommitMetric {
  readonly kind: 'commit'
  /** The number of appends that shared the commit. An append to several streams counts once for each stream. */
  readonly appends: number
  readonly duration: number
}

/** A call of `readStream` has ended. */
export interface ReadMetric {
  readonly kind: 'read'
  readonly events: number
  readonly duration: number
  readonly outcome: 'read' | 'failed'
}

/** A call of a command handler has ended. */
export interface CommandMetric {
  readonly kind: 'command'
  /** How often the handler decided: 1, and 1 more for each conflict with another writer. */
  readonly attempts: number
  readonly duration: number
  /** `refused`: the decider or the caller's expected version refused the command. `failed`: the store failed. */
  readonly outcome: 'handled' | 'repeated' | 'refused' | 'failed'
}

/** One attempt of the handler of a subscription has ended. An async projection is a subscription, too. */
export interface HandleMetric {
  readonly kind: 'handle'
  readonly subscription: string
  readonly events: number
  /** 1 for the first attempt. */
  readonly attempt: number
  readonly duration: number
  /** `failed`: the handler or its transaction failed, or the worker has abandoned the attempt. */
  readonly outcome: 'handled' | 'failed'
}

/** A subscription has parked an event. */
export interface ParkMetric {
  readonly kind: 'park'
  readonly subscription: string
  readonly position: number
}

/**
 * How far a subscription is behind the log, in the partitions that this process handles. Reported once a second for each
 * subscription while the process handles a partition.
 */
export interface LagMetric {
  readonly kind: 'lag'
  readonly subscription: string
  /** The number of positions between the checkpoint and the end of the log, as this process knows both. */
  readonly lag: number
  /**
   * How long ago the oldest event was recorded that this process has read and not handled yet; 0 if there is none. By the
   * clock of this process.
   */
  readonly lagTime: number
}

/** An incident that the store handled itself. */
export interface IncidentMetric {
  /**
   * `retry`: a request failed with a transient error, and the store sends it again. On DynamoDB also `throttle`,
   * `conflict` and `credentials`, which are failed requests too; `seal`: a reader sealed a slot of the log, because its
   * writer did not use it within `gapTimeout`; `late`: an append found its slot sealed, and takes another one.
   */
  readonly kind: 'retry' | 'throttle' | 'conflict' | 'credentials' | 'seal' | 'late'
  /** On DynamoDB: the table. @default empty */
  readonly table: string
  /** On DynamoDB: the partition key of the request, or a description such as `slot 12`. Elsewhere: what the store was doing. */
  readonly key: string
  /** The reason, in the words of the database. */
  readonly reason: string
  /** 1 for the first attempt. */
  readonly attempt: number
}

/**
 * The capacity that one request consumed in one DynamoDB table. DynamoDB reports none for a request that failed, although
 * a failed condition consumes too.
 */
export interface CapacityMetric {
  readonly kind: 'capacity'
  readonly table: string
  /** The partition key of the request, or a description such as `slot 12`; empty for a whole table. */
  readonly key: string
  /** The operation, for example `TransactWriteItems`. */
  readonly command: string
  /** Read capacity units; 0 for a write. */
  readonly readUnits: number
  /** Write capacity units; 0 for a read. */
  readonly writeUnits: number
}
