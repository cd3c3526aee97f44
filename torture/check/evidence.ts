/** The evidence for the checker: the histories of the clients, and the contents of the store at the end. */
import type { DeliveryLine } from '../delivery.ts'
import type { OperationLine, Seen } from '../operation.ts'

export interface LoggedEvent {
  readonly position: number
  readonly stream: string
  readonly version: number
  readonly id: string
  readonly name: string
  readonly seen?: Seen | undefined
  /** Whether it is the first part of a split event. */
  readonly isSplit?: boolean | undefined
}

export interface Evidence {
  /** The histories of the writers, in any order. */
  readonly operations: readonly OperationLine[]
  /** All events by stream, as `readStream` returned them. */
  readonly streams: ReadonlyMap<string, readonly LoggedEvent[]>
  /** The events that each reader of the whole log received, in that order. */
  readonly followers: ReadonlyMap<string, readonly DeliveryLine[]>
  /** The events that the workers of each subscription handled: perhaps repeatedly, but in the order of each stream. */
  readonly subscriptions: ReadonlyMap<string, readonly DeliveryLine[]>
  /** The subscriptions that select some shards. @default none */
  readonly shardSubscriptions?: ReadonlyMap<string, ShardHistory>
  /** The documents of each projection, by stream. */
  readonly projections: ReadonlyMap<string, ProjectedStreams>
}

/** What a subscription that selects some shards has handled. */
export interface ShardHistory {
  readonly shards: readonly number[]
  /** As in `Evidence.subscriptions`, with the versions of the streams. */
  readonly lines: readonly DeliveryLine[]
  /** The documents that it has written in its transactions; then it has no lines. Versions count its own events. */
  readonly documents?: ReadonlyMap<string, StreamState> | undefined
}

export interface ProjectedStreams {
  /** The projection handles the streams whose names begin with this text. */
  readonly streamPrefix: string
  readonly documents: ReadonlyMap<string, StreamState>
}

/** The document of a stream. It records whether the projection counted each event once, and in order. */
export interface StreamState {
  readonly version: number
  readonly digest: number
  /** How many events the projection counted again. */
  readonly doubled: number
  /** How many events it left out. */
  readonly skipped: number
  /** How many second parts of split events it counted. @default it does not count them */
  readonly noted?: number
}
