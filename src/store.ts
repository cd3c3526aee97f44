/// <reference lib="esnext.disposable" preserve="true" />
/** The contract every store fulfils, and that the conformance suite proves. */
import type { Event, Metadata, RecordedEvent } from './event.ts'
import type { ImportOptions, ImportResult, ImportSource } from './import.ts'
import type { Projecting } from './projecting.ts'
import type { StoreTransaction } from './projection/transaction.ts'

/**
 * What the caller believes about a stream: its exact version (0: no events), or that it does not exist
 * (`noStream`), or that it does (`streamExists`, also when it is still empty), or nothing (`any`).
 */
export type ExpectedVersion = number | 'any' | 'noStream' | 'streamExists'

export interface CallOptions {
  /** Ends the wait. An append that was already sent may still happen. */
  readonly signal?: AbortSignal | undefined
}

export interface CreateStreamOptions extends CallOptions {
  readonly metadata?: Metadata | undefined
}

export interface AppendOptions extends CallOptions {
  /** @default 'any' */
  readonly expectedVersion?: ExpectedVersion | undefined
  /** Given to every event of the call; an event's own properties win. */
  readonly metadata?: Metadata | undefined
}

/** One stream's part of an `appendAll`. Without events it only checks the expected version. */
export interface StreamAppend {
  readonly streamId: string
  readonly events: readonly Event[]
  /** @default 'any' */
  readonly expectedVersion?: ExpectedVersion | undefined
}

export interface AppendResult {
  readonly streamId: string
  /** The version of the last event of this append. */
  readonly version: number
  /** The version of its first event. An empty append has none, and says `version + 1`. */
  readonly firstVersion: number
  /** The position of the last event of this append; of an empty one, of the stream's last event (0: none). */
  readonly position: number
  /** The position of each event. */
  readonly positions: readonly number[]
  /** When the events were recorded; absent for an empty append. */
  readonly recordedAt: Date | undefined
  /** True if these event ids had been appended before: this is the first result, and nothing was written. */
  readonly deduplicated: boolean
}

export interface ReadStreamOptions extends CallOptions {
  /** First version wanted. @default 1 */
  readonly fromVersion?: number | undefined
  /** Last version wanted. @default the stream's version */
  readonly toVersion?: number | undefined
  /** Only what was recorded at or before this moment. */
  readonly asOf?: Date | undefined
  /** @default 'forward' */
  readonly direction?: Direction | undefined
  /** At most so many events, counted from the side the reading starts on. */
  readonly limit?: number | undefined
}

export type Direction = 'forward' | 'backward'

export interface StreamSlice<E extends Event = Event> {
  readonly streamId: string
  /** The stream's own version when it was read, whatever part of it was asked for; 0 if it has no events. */
  readonly version: number
  /** True once the stream was created or appended to. */
  readonly exists: boolean
  readonly events: readonly RecordedEvent<E>[]
}

export interface ReadAllOptions<E extends Event = Event> extends CallOptions {
  /** Only events with a greater position; one that the log has given out (forward). @default 0 */
  readonly after?: number | undefined
  /** Only events up to this position. */
  readonly until?: number | undefined
  /** Only events of these types. */
  readonly types?: readonly E['type'][] | undefined
  /** Only events of streams whose id begins so. */
  readonly streamPrefix?: string | undefined
  /** Only events that carry all of these tags. */
  readonly tags?: readonly string[] | undefined
  /** @default 'forward' */
  readonly direction?: Direction | undefined
  readonly limit?: number | undefined
  /** Waits for further events at the end of the log instead of ending. Only forward. @default false */
  readonly follow?: boolean | undefined
}

export interface StreamInfo {
  readonly streamId: string
  readonly version: number
  readonly createdAt: Date
  /** When the last event was recorded; absent while the stream is empty. */
  readonly lastRecordedAt: Date | undefined
  readonly metadata: Metadata
}

export interface ListStreamsOptions extends CallOptions {
  readonly prefix?: string | undefined
  /** Only ids that sort after this one (by Unicode code point). */
  readonly after?: string | undefined
  readonly limit?: number | undefined
}

/** `Tx`: what handlers and raw projections write with. */
export interface EventStore<Tx extends StoreTransaction = StoreTransaction>
  extends Projecting<Tx>,
    AsyncDisposable {
  /** Registers an empty stream. @throws StreamAlreadyExistsError */
  createStream(streamId: string, options?: CreateStreamOptions): Promise<StreamInfo>

  /**
   * Appends all events or none. Repeating the call with the same event ids returns the first result.
   * @throws WrongExpectedVersionError, DuplicateEventIdError, InvalidInputError
   */
  append(streamId: string, events: readonly Event[], options?: AppendOptions): Promise<AppendResult>

  /** Appends to several streams, each named once: all of it or none. Results come in the order given. */
  appendAll(
    appends: readonly StreamAppend[],
    options?: Omit<AppendOptions, 'expectedVersion'>,
  ): Promise<readonly AppendResult[]>

  /** Reads a stream, or a window of it. A stream that does not exist is empty, not an error. */
  readStream<E extends Event = Event>(streamId: string, options?: ReadStreamOptions): Promise<StreamSlice<E>>

  /**
   * Reads the log in order of position, without ever skipping an event that commits late: an event
   * appears once everything before it is settled. Holds a page in memory, and no connection between pages.
   * @throws LogCutError if the log does not reach as far as `after`, or does no more reach as far as was read
   */
  readAll<E extends Event = Event>(options?: ReadAllOptions<E>): AsyncIterable<RecordedEvent<E>>

  streamInfo(streamId: string, options?: CallOptions): Promise<StreamInfo | undefined>

  /** Lists the streams in order of their ids (by Unicode code point). */
  streams(options?: ListStreamsOptions): AsyncIterable<StreamInfo>

  /** Brings events in from elsewhere, keeping their ids, metadata and times. See `import.ts`. */
  import(source: ImportSource, options?: ImportOptions): Promise<ImportResult>

  /** Ends open reads and frees what the store opened. Further calls fail with StoreClosedError. */
  close(): Promise<void>
}
