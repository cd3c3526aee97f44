/** The source, the options and the result of an import. */
import type { CallOptions } from './call-options.ts'
import type { Event } from './event.ts'

/** An event that another system recorded. */
export interface ImportedEvent extends Event {
  readonly streamId: string
  /** When the other system recorded it; must not be in the future. @default now */
  readonly recordedAt?: Date | undefined
}

/** The events to import, in the order in which the store must append them. */
export type ImportSource = Iterable<ImportedEvent> | AsyncIterable<ImportedEvent>

/** The options of `import`. */
export interface ImportOptions extends CallOptions {
  /**
   * Names the source. An event without an id gets one derived from this name and the event's index in the source, so
   * that a second run recognises it. Required if any event has no id; the source may then only grow at its end.
   * @default none
   */
  readonly name?: string | undefined
  /**
   * The largest number of events in one batch. A batch of large events is smaller. On DynamoDB it takes several
   * transactions. @default 5000
   */
  readonly batchSize?: number | undefined
  /**
   * Records an event that is older than its stream's last event at that event's time, instead of refusing it.
   * @default false
   */
  readonly clampTimes?: boolean | undefined
  /**
   * Only for a store with a catalogue. 'current': the source has today's events; the store validates and writes them as
   * `append` does. 'stored': the source has events as a store keeps them (`store.raw.readAll`); the store keeps them
   * unchanged, and checks that the catalogue can read them. Required if a type of the source has several versions or names.
   * @default the same result for both
   */
  readonly shape?: 'current' | 'stored' | undefined
  /** Called after each batch; the import waits for the promise that it returns. @default none */
  readonly onProgress?: ((progress: ImportResult) => void) | undefined
}

/** The progress of an import, and its result at the end. */
export interface ImportResult {
  /** Events read from the source. */
  readonly read: number
  /** Events that this run appended. */
  readonly imported: number
  /** Events that the store already had. */
  readonly skipped: number
}
