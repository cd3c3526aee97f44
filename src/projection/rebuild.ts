/** Rebuilding a projection: its documents are made anew beside the present ones, and then take their place. */
import type { CallOptions } from '../store.ts'

export interface RebuildProgress {
  /** Up to which position the events are folded in. */
  readonly position: number
  /** The position of the last event of the log. */
  readonly head: number
  /** How many events were folded in by this call. */
  readonly events: number
  readonly eventsPerSecond: number
  /** How many seconds are left, as it looks now. */
  readonly secondsLeft: number
}

export interface RebuildOptions extends CallOptions {
  readonly onProgress?: ((progress: RebuildProgress) => void) | undefined
  /** Most events that are folded in at once. @default 5,000 */
  readonly batchSize?: number | undefined
}

export interface RebuildResult {
  readonly events: number
  readonly position: number
  readonly version: number
  readonly milliseconds: number
  /** Whether an earlier rebuild that was interrupted was gone on with. */
  readonly resumed: boolean
}
