/** What reads of a store take and return: streams, the log, and what is known about streams. */
import type { CallOptions } from './call-options.ts'
import type { Event, Metadata, RecordedEvent } from './event.ts'
import type { EventFilter } from './input/event-filter.ts'

/** The options of `readStream`. */
export interface ReadStreamOptions extends CallOptions {
  /** The first version to read, inclusive. @default 1 */
  readonly fromVersion?: number | undefined
  /** The last version to read, inclusive. @default the stream's version */
  readonly toVersion?: number | undefined
  /** Only events that were recorded at or before this moment (inclusive). @default all */
  readonly asOf?: Date | undefined
  /** The order of the events: by rising version, or by falling version. @default 'forward' */
  readonly direction?: Direction | undefined
  /** The largest number of events to return, counted from the side on which reading starts. @default all */
  readonly limit?: number | undefined
}

/** The order of events: `forward` begins with the oldest, `backward` with the newest. */
export type Direction = 'forward' | 'backward'

/** A stream, or the part of it that `readStream` was asked for. */
export interface StreamSlice<E extends Event = Event> {
  readonly streamId: string
  /** The version of the whole stream at the time of the read, not of the slice; 0 if the stream has no events. */
  readonly version: number
  /** True if the stream was created or appended to. */
  readonly exists: boolean
  readonly events: readonly RecordedEvent<E>[]
}

/** The options of `readAll`. `Type`: the types that the filter may name. */
export interface ReadAllOptions<Type extends string = string> extends CallOptions, EventFilter<Type> {
  /** Only events after this position (exclusive). The log must reach that far. @default 0 */
  readonly after?: number | undefined
  /** Only events up to this position (inclusive). @default the end of the log */
  readonly until?: number | undefined
  /** The order of the events: by rising position, or by falling position. @default 'forward' */
  readonly direction?: Direction | undefined
  /** The largest number of events to return. @default all */
  readonly limit?: number | undefined
  /**
   * Waits for further events at the end of the log instead of ending. Only with `direction: 'forward'`. @default false
   */
  readonly follow?: boolean | undefined
}

/** Facts about a stream, without its events. */
export interface StreamInfo {
  readonly streamId: string
  /** The number of its events. */
  readonly version: number
  readonly createdAt: Date
  /** When the last event was recorded; `undefined` while the stream has no events. */
  readonly lastRecordedAt: Date | undefined
  /** The metadata that `createStream` was called with. */
  readonly metadata: Metadata
}

/** The order of a list of streams: by id, or those with the most events first. */
export type StreamOrder = 'id' | 'largest'

/** The options of `listStreams`. */
export interface ListStreamsOptions extends CallOptions {
  /** Only streams whose id begins with this text. @default all */
  readonly prefix?: string | undefined
  /** Only ids that sort after this one (exclusive, by Unicode code point). @default all */
  readonly after?: string | undefined
  /** The largest number of streams to return. With `order: 'largest'` it is needed, and at most 1,000. @default all */
  readonly limit?: number | undefined
  /**
   * `id`: by id. `largest`: by falling version, and streams of the same version by id; does not go with `after`. This reads
   * all streams with the prefix. On Postgres, that is one statement; on DynamoDB, it reads all of them page by page, with a
   * request for each stream, and keeps the largest. @default 'id'
   */
  readonly order?: StreamOrder | undefined
}

/** Reads events in the form in which they are stored, without the catalogue of the store. */
export interface StoredEvents {
  /** As `readStream` of the store. */
  readStream(streamId: string, options?: ReadStreamOptions): Promise<StreamSlice>
  /** As `readAll` of the store. `types` are the stored names. */
  readAll(options?: ReadAllOptions): AsyncIterable<RecordedEvent>
  /**
   * Returns the event with this id; `undefined` if no stream has it. `id`: a UUID, in upper or lower case.
   *
   * On DynamoDB, it finds each event whose id the caller chose, and each event of an import or of a command with a
   * `commandId`. The ids that the library makes for other events are in no index: such an event is found by the time in
   * its id, if the log recorded it within five minutes of that time. A repair of restored tables may record it later.
   * @throws InvalidInputError if the id is no UUID
   */
  findEvent(id: string, options?: CallOptions): Promise<RecordedEvent | undefined>
}
