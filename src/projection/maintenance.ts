/** The options and results of listing, rebuilding and verifying projections. */
import type { CallOptions } from '../call-options.ts'

/** How far a rebuild or a verification has come. */
export interface RebuildProgress {
  /** The position up to which events are folded in. */
  readonly position: number
  /** The position of the last event of the log. */
  readonly lastPosition: number
  /** How many events this call has folded in. */
  readonly events: number
  readonly eventsPerSecond: number
  /** An estimate of the time that is left, in milliseconds; `Infinity` while nothing is known. */
  readonly timeLeft: number
}

export interface RebuildOptions extends CallOptions {
  /** Called after each batch; the rebuild waits for the promise that it returns. */
  readonly onProgress?: ((progress: RebuildProgress) => Promise<void> | void) | undefined
  /** The largest number of events to fold in at once. @default 5,000 */
  readonly batchSize?: number | undefined
  /**
   * How the projection runs from then on. @default 'inline' if this store names it in its `inline` option; otherwise
   * its present mode, or 'async' if it was never built
   */
  readonly mode?: 'inline' | 'async' | undefined
}

/** The result of a finished rebuild. */
export interface RebuildResult {
  /** How many events this call has folded in. */
  readonly events: number
  /** The position up to which the new documents are complete. */
  readonly position: number
  /** The version of the new documents. */
  readonly version: number
  /** How long the call took, in milliseconds. */
  readonly duration: number
  /** True if this call resumed an earlier rebuild that was interrupted. */
  readonly resumed: boolean
}

export interface VerifyOptions extends CallOptions {
  /** Called after each batch; the verification waits for the promise that it returns. */
  readonly onProgress?: RebuildOptions['onProgress']
  /** The largest number of differences to list. @default 100 */
  readonly limit?: number | undefined
}

/** The result of a comparison. */
export interface VerifyResult {
  /** True if there is no difference. */
  readonly ok: boolean
  /** How many events were folded in for the comparison. */
  readonly events: number
  /** The position up to which the documents were compared. */
  readonly position: number
  /** The number of keys that the current documents, the rebuilt documents, or both have. */
  readonly documents: number
  /**
   * The differences in order of keys: `expected` is the state that the events make, `actual` the state that readers
   * get; `undefined` stands for no document.
   */
  readonly differences: readonly {
    readonly key: string
    readonly expected: unknown
    readonly actual: unknown
  }[]
}

/** The options of `listProjections`. */
export interface ListProjectionsOptions extends CallOptions {
  /**
   * Whether to count the documents of each projection. Counting reads all keys of the documents; on DynamoDB, all
   * documents. Without it, a list takes one request for 100 projections on Postgres. @default true
   */
  readonly counts?: boolean | undefined
}

/** A projection as the database knows it, and whether its documents fit the version that this store runs. */
export interface ProjectionSummary {
  readonly name: string
  /** The version of the documents that readers get; 0 if no build is complete, or it was dropped. */
  readonly version: number
  readonly mode: 'inline' | 'async'
  /** Which set of documents readers get. Each build makes a new one. */
  readonly generation: number
  /** The version that an unfinished build makes; `undefined` if there is none. */
  readonly building: number | undefined
  /** The number of documents that readers get; `undefined` if the call did not count them. */
  readonly documents: number | undefined
  /**
   * Whether `rebuild` is needed: no build is complete, or this store runs another version of the projection, inline or
   * in a subscription.
   */
  readonly isBuildNeeded: boolean
}
