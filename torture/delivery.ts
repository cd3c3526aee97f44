/** Events that reach a client which follows the log, and what it writes down of them. */
import type { RecordedEvent } from '@eventsourced/core'

/** Handles events that a client has received. */
export type Handle = (events: readonly RecordedEvent[]) => Promise<void>

/** An event as a follower writes it down. */
export type Delivered = readonly [position: number, stream: string, version: number, name: string]

export interface DeliveryLine {
  /** The process, and which one of those that were started in its place. */
  readonly by: string
  /** When they were handled, in microseconds. */
  readonly at: number
  readonly events: readonly Delivered[]
}
