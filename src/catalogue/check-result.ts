/** The public types of a check: which stored events a catalogue reads, and what is wrong with the others. */
import type { CallOptions } from '../call-options.ts'
import type { RecordedEvent } from '../event.ts'

/** The part of a store that a check reads. Each store has it. */
export interface CheckableStore {
  readonly raw: {
    readAll(options?: StoredLogOptions): AsyncIterable<RecordedEvent>
  }
}

/** The options of the reads that a check makes. */
interface StoredLogOptions extends CallOptions {
  readonly types?: readonly string[] | undefined
  readonly after?: number | undefined
  readonly until?: number | undefined
  readonly direction?: 'forward' | 'backward' | undefined
  readonly limit?: number | undefined
}

/** The options of `catalogue.check`. */
export interface CheckOptions extends CallOptions {
  /** Checks only events after this position (exclusive). The log must reach that far. @default 0 */
  readonly after?: number | undefined
  /**
   * The result of an earlier check that ended too early, such as the last `result` that `onProgress` received. The check
   * continues after its position, and adds to its counts. Not together with `after` or `sample`. @default none
   */
  readonly resume?: CheckResult | undefined
  /**
   * Checks only a part of the log: at least this many of the oldest and of the newest events of each stored name that the
   * catalogue reads, and as many at twenty places of the log. A sample finds most mistakes soon, but only the whole check
   * proves that there is none. @default every event
   */
  readonly sample?: number | undefined
  /** The largest number of examples for each stored type and version. @default 10 */
  readonly limit?: number | undefined
  /** Called after every 1,000 events, and at the end. The check waits for the promise that it returns. */
  readonly onProgress?: ((progress: CheckProgress) => Promise<void> | void) | undefined
}

/** How far a check has come. */
export interface CheckProgress {
  /** The position of the last event that was checked. */
  readonly position: number
  /** The position of the last event of the log when the check began. */
  readonly lastPosition: number
  /** How many events this call has checked. */
  readonly events: number
  readonly eventsPerSecond: number
  /** The result so far. To resume an interrupted check, pass it as `resume`. It is JSON. */
  readonly result: CheckResult
}

/** The result of a check. It is JSON. */
export interface CheckResult {
  /** True if the catalogue can read every event that was checked, and today's data fits the schemas. */
  readonly ok: boolean
  /** How many stored events were checked. */
  readonly events: number
  /** How many of them cannot be read, or do not fit their schema. */
  readonly failed: number
  /** Events after this position were checked (exclusive). */
  readonly after: number
  /** Events up to this position were checked (inclusive). */
  readonly position: number
  /** True if only a part of the events was checked. */
  readonly isSample: boolean
  /** The kinds of events that are stored, in order of type and version. */
  readonly stored: readonly StoredKind[]
  /** How many events are of kinds that `stored` does not list. It lists at most 1,000 kinds that the catalogue lacks. */
  readonly unlisted: number
  /**
   * The upcasts that no stored event needs any more, unless an old process still writes one. Empty if the check began
   * after position 0. A sample names only old names, not old versions, because it may have missed one.
   */
  readonly unused: readonly UpcastName[]
}

/** Events with the same stored type and version. */
export interface StoredKind {
  readonly type: string
  /** 0 if the metadata of the event has no valid version. */
  readonly schemaVersion: number
  /** False if the catalogue has no event of this name. With `unknown: 'skip'`, reads leave such an event out. */
  readonly isKnown: boolean
  /** The types that these events are read as, in order; empty if reads leave them out, or if all have failed. */
  readonly today: readonly string[]
  readonly events: number
  readonly failed: number
  /** The first events that have failed. */
  readonly examples: readonly FailedExample[]
}

/** An event that cannot be read, or that does not fit its schema. */
export interface FailedExample {
  readonly position: number
  readonly streamId: string
  /** The version of the event in its stream. */
  readonly version: number
  /** Why it has failed, in at most 500 characters. */
  readonly message: string
}

/** An upcast of a catalogue. */
export interface UpcastName {
  /** The name under which the events are stored. */
  readonly type: string
  /** The version from which the upcast leads to the next one; absent for an old name. */
  readonly schemaVersion?: number | undefined
}
