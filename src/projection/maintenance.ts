/** What rebuilding and verifying a projection take and report. */
import type { CallOptions } from '../call-options.ts'

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
  /** Called after each batch; what it returns is waited for. */
  readonly onProgress?: ((progress: RebuildProgress) => Promise<void> | void) | undefined
  /** Most events that are folded in at once. @default 5,000 */
  readonly batchSize?: number | undefined
  /** How it is to be run from then on. @default 'inline' if this store has it so; otherwise as it is now, or 'async' */
  readonly mode?: 'inline' | 'async' | undefined
}

export interface RebuildResult {
  readonly events: number
  readonly position: number
  readonly version: number
  readonly milliseconds: number
  /** Whether an earlier rebuild that was interrupted was gone on with. */
  readonly resumed: boolean
}

export interface VerifyOptions extends CallOptions {
  readonly onProgress?: RebuildOptions['onProgress']
  /** Most differences that are told one by one. @default 100 */
  readonly limit?: number | undefined
}

export interface VerifyResult {
  /** True if there is no difference. */
  readonly ok: boolean
  readonly events: number
  /** Up to which position the documents were compared. */
  readonly position: number
  readonly documents: number
  /** By key; `expected` is what the events make, `actual` what is read now; undefined: no document. */
  readonly differences: readonly {
    readonly key: string
    readonly expected: unknown
    readonly actual: unknown
  }[]
}
