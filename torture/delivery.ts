/** Types of the events that a follower receives, and of the lines that it writes about them. */
import type { RecordedEvent } from '@eventsourced/core'

/** Handles events that a client has received. */
export type Handle = (events: readonly RecordedEvent[]) => Promise<void>

/** An event in the history of a follower. */
export type Delivered = readonly [position: number, stream: string, version: number, name: string]

export interface DeliveryLine {
  /** The subscription that handled the events, if it is one of `shardSubscriptions`: its base name. */
  readonly subscription?: string
  /** The name of the client and the number of its life, see `ClientTask.life`. */
  readonly by: string
  /** When the events were handled, in microseconds. */
  readonly at: number
  readonly events: readonly Delivered[]
}
