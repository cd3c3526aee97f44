/// <reference lib="esnext.disposable" preserve="true" />
/** The contract that every store fulfils and that the conformance suite proves. */
import type { AuditTrail } from './audit/audit-trail.ts'
import type { CallOptions } from './call-options.ts'
import type { EventDefinitions, OfType } from './catalogue/definitions.ts'
import type { Event, Metadata, RecordedEvent } from './event.ts'
import type { ExpectedVersion } from './expected-version.ts'
import type { ImportOptions, ImportResult, ImportSource } from './imported-event.ts'
import type { Frontier } from './log/frontier.ts'
import type { Observer } from './observe/observer.ts'
import type {
  ListProjectionsOptions,
  ProjectionSummary,
  RebuildOptions,
  RebuildResult,
  VerifyOptions,
  VerifyResult,
} from './projection/maintenance.ts'
import type { AnyDocumentProjection, DocumentProjection } from './projection/projection.ts'
import type { HandlerTransaction } from './projection/transaction.ts'
import type { View } from './projection/view.ts'
import type {
  ListStreamsOptions,
  ReadAllOptions,
  ReadStreamOptions,
  StoredEvents,
  StreamInfo,
  StreamSlice,
} from './reads.ts'
import type { Snapshots } from './snapshot/snapshots.ts'
import type { SubscriptionAdministration } from './subscription/administration.ts'
import type {
  ParkedEvents,
  RunOnceOptions,
  RunOnceResult,
  SubscribeOptions,
  Subscription,
  SubscriptionStatus,
  WorkerStatus,
} from './subscription/subscription.ts'

/** The options of `createStream`. */
export interface CreateStreamOptions extends CallOptions {
  /** Facts about the stream, which `streamInfo` returns. @default {} */
  readonly metadata?: Metadata | undefined
}

/** The options of `append`. */
export interface AppendOptions extends CallOptions {
  /** The version at which the caller expects the stream. @default 'any' */
  readonly expectedVersion?: ExpectedVersion | undefined
  /** Added to the metadata of every event of the call. A property that an event has itself wins. @default none */
  readonly metadata?: Metadata | undefined
}

/** One stream's part of an `appendAll`. Without events it only checks the expected version. */
export interface StreamAppend<E extends Event = Event> {
  readonly streamId: string
  readonly events: readonly E[]
  /** The version at which the caller expects the stream. @default 'any' */
  readonly expectedVersion?: ExpectedVersion | undefined
}

/** The result of an append: the versions and positions of its events. */
export interface AppendResult {
  readonly streamId: string
  /** The version of the last event of this append. */
  readonly version: number
  /** The version of the first event of this append; `version + 1` if the append had no events. */
  readonly firstVersion: number
  /** The position of the last event of this append; without events, that of the stream's last event (0: none). */
  readonly position: number
  /** The position of each event, in the order of the events. */
  readonly positions: readonly number[]
  /** When the store recorded the events; `undefined` if the append had none. */
  readonly recordedAt: Date | undefined
  /** True if these event ids had been appended before. The other fields then describe that first append. */
  readonly deduplicated: boolean
}

/**
 * An event store. `E`: the events of the store's catalogue. `Tx`: the transaction through which handlers and raw projections
 * write.
 */
export interface EventStore<E extends Event = Event, Tx extends HandlerTransaction = HandlerTransaction>
  extends AsyncDisposable {
  /** The catalogue that the store was opened with. */
  readonly events: EventDefinitions<E> | undefined

  /**
   * The observer that the store was opened with, for code that wraps the store, and for command handlers. Its functions never
   * throw because of the user's observer.
   */
  readonly observe: Observer | undefined

  /** Reads events as they are stored: old names, old versions, and `$schemaVersion` in the metadata. */
  readonly raw: StoredEvents

  /** Creates a stream without events, and returns it. @throws StreamAlreadyExistsError if the stream exists */
  createStream(streamId: string, options?: CreateStreamOptions): Promise<StreamInfo>

  /**
   * Appends events to a stream: all of them, or none. A second call with the same event ids appends nothing and returns
   * the first result.
   * @throws WrongExpectedVersionError if the stream is at another version than expected
   * @throws DuplicateEventIdError if an event id is recorded already, and this call does not repeat the append that
   * recorded it
   * @throws InvalidInputError if an argument breaks the input rules
   * @throws InvalidEventError if an event does not fit the catalogue
   * @throws MissingInlineProjectionError if a projection is inline, and this store was opened without it
   * @throws ProjectionVersionError if an inline projection of this store has documents of another version or mode
   * @throws StoreUnavailableError if the outcome is unknown: repeat the call with the same event ids
   */
  append(streamId: string, events: readonly E[], options?: AppendOptions): Promise<AppendResult>

  /**
   * Appends to several streams in one transaction: all appends are recorded, or none. Each stream may occur once.
   * Returns one result for each append, in the order given.
   * @throws the same errors as `append`
   */
  appendAll(
    appends: readonly StreamAppend<E>[],
    options?: Omit<AppendOptions, 'expectedVersion'>,
  ): Promise<readonly AppendResult[]>

  /** Reads a stream, or a range of it. For a stream that does not exist, returns no events and `exists: false`. */
  readStream<T extends E = E>(streamId: string, options?: ReadStreamOptions): Promise<StreamSlice<T>>

  /**
   * Reads the log in order of position. With `types`, the compiler knows that only these events come. Returns an event only when no other event can still appear before it, so a
   * reader never misses an event that commits late. Keeps at most two pages in memory, and no connection between pages.
   * @throws LogTruncatedError in a forward read, if the log ends before `after` or no longer contains the last returned
   * event
   */
  readAll<T extends E = E, const Type extends T['type'] = T['type']>(
    options?: ReadAllOptions<Type>,
  ): AsyncIterable<RecordedEvent<OfType<T, Type>>>

  /** Returns how far readers of the log can read now, and the running appends that hold them back. */
  frontier(options?: CallOptions): Promise<Frontier>

  /** Returns the version, the times and the metadata of a stream; `undefined` if it does not exist. */
  streamInfo(streamId: string, options?: CallOptions): Promise<StreamInfo | undefined>

  /** Lists the streams in order of their ids (by Unicode code point), or the largest ones. */
  listStreams(options?: ListStreamsOptions): AsyncIterable<StreamInfo>

  /**
   * Appends events that another system recorded, in the order of the source, and keeps their ids, metadata and times.
   * Skips events that the store already has: to resume an interrupted import, call it again with the same source. An
   * error leaves the earlier batches recorded.
   * @throws ImportOutOfOrderError if an event is older than the last event of its stream, without `clampTimes`
   * @throws DuplicateEventIdError if an event id is recorded in another stream
   */
  import(source: ImportSource, options?: ImportOptions): Promise<ImportResult>

  /** States of long streams, which `commandHandler` and `foldStream` keep in the store. */
  readonly snapshots: Snapshots

  /** The durable record of what operators did with the store, and who did it. */
  readonly audit: AuditTrail

  /** Returns a view of the documents of a projection, or of a collection that handlers write. */
  // biome-ignore lint/suspicious/noExplicitAny: a view does not depend on the projection's events
  view<State>(projection: DocumentProjection<State, any> | string): View<State>

  /**
   * Starts a worker in this process that passes events to a handler. The worker resumes at the checkpoint that is
   * stored under the subscription's name.
   */
  subscribe<T extends E = E, const Type extends T['type'] = T['type']>(
    options: SubscribeOptions<T, Tx, Type>,
  ): Subscription

  /**
   * Handles the events that are in the log now, then resolves. After `limits.timeout` it starts no further event, and
   * resolves with `caughtUp: false`. For scheduled functions and tests.
   */
  runOnce<T extends E = E, const Type extends T['type'] = T['type']>(
    options: SubscribeOptions<T, Tx, Type>,
    limits?: RunOnceOptions,
  ): Promise<RunOnceResult>

  /** Returns the checkpoint, the lag and the owners of a subscription; `undefined` if no subscription has this name. */
  subscriptionStatus(name: string, options?: CallOptions): Promise<SubscriptionStatus | undefined>

  /** Returns the workers of this store that run, or whose subscription has failed. Does not ask the database. */
  workers(): readonly WorkerStatus[]

  /** Lists and changes the subscriptions of all processes. */
  readonly subscriptions: SubscriptionAdministration

  /** Returns access to the events that a subscription has parked. */
  parked(subscription: string): ParkedEvents

  /**
   * Lists the projections in order of their names (by Unicode code point): version, mode, number of documents, and whether
   * a build is needed. With `counts: false` it does not count the documents, and is fast however many there are.
   */
  listProjections(options?: ListProjectionsOptions): AsyncIterable<ProjectionSummary>

  /**
   * Builds new documents of a projection while readers get the old ones, then switches readers to the new ones. To
   * resume an interrupted rebuild, call it again.
   * @throws RebuildRunningError if another process rebuilds or verifies the projection
   * @throws LogNotSettledError if an open append blocked the last step for too long
   */
  rebuild(projection: AnyDocumentProjection, options?: RebuildOptions): Promise<RebuildResult>

  /**
   * Builds the documents again beside the current ones, compares both, and reports the differences. Changes no
   * document.
   * @throws RebuildRunningError if another process rebuilds or verifies the projection
   * @throws ProjectionVersionError if the documents have another version
   * @throws LogNotSettledError if an open append blocked the last step for too long
   */
  verify(projection: AnyDocumentProjection, options?: VerifyOptions): Promise<VerifyResult>

  /**
   * Ends a projection that no process runs any more: deletes its documents, but keeps what a raw projection wrote
   * itself. If it was inline, stores without it may append again. It then counts as never built, until a rebuild.
   * Returns false if it was never built, or dropped before. To resume an interrupted call, repeat it.
   * @throws RebuildRunningError if another process rebuilds or verifies the projection
   */
  dropProjection(name: string, options?: CallOptions): Promise<boolean>

  /**
   * Stops the subscriptions (a running handler gets at most 30 s), waits for running calls, and closes the connections
   * that the store opened. Later calls, and the next page of an open `readAll`, throw StoreClosedError.
   */
  close(): Promise<void>
}
