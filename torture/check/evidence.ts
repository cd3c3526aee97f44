/** What the checker is given: what the clients wrote down, and what is in the store in the end. */
import type { DeliveryLine } from '../delivery.ts'
import type { OperationLine, Seen } from '../operation.ts'

export interface LoggedEvent {
  readonly position: number
  readonly stream: string
  readonly version: number
  readonly id: string
  readonly name: string
  readonly seen?: Seen | undefined
}

export interface Evidence {
  /** The histories of those who append and read, in any order. */
  readonly operations: readonly OperationLine[]
  /** All events, stream by stream, as reading each stream gave them. */
  readonly streams: ReadonlyMap<string, readonly LoggedEvent[]>
  /** Of each who read the log from its first event to its last: what it got, in that order. */
  readonly followers: ReadonlyMap<string, readonly DeliveryLine[]>
  /** Of each subscription: what its workers handled. Again after a crash, but in the order of each stream. */
  readonly subscriptions: ReadonlyMap<string, readonly DeliveryLine[]>
  /** Of each projection: its documents, by stream. */
  readonly projections: ReadonlyMap<string, ProjectedStreams>
}

export interface ProjectedStreams {
  /** Which streams it is about: those whose names begin so. */
  readonly streamPrefix: string
  readonly documents: ReadonlyMap<string, StreamState>
}

/** What a projection keeps of a stream: it counts each event once, in order, or notes that it did not. */
export interface StreamState {
  readonly version: number
  readonly digest: number
  readonly doubled: number
  readonly skipped: number
}
