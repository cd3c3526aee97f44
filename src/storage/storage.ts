/**
 * The contract of a storage: the methods that turn a database into an event store. `eventStore(storage)` adds the parts
 * that are the same for all stores: input rules, errors, paging, following, subscriptions and rebuilds. The conformance
 * suite tests the whole store.
 *
 * Rules for every method:
 *
 * - Arguments are checked already. A method need not check them again.
 * - A conflict is a returned value (`AppendOutcome`, `ImportOutcome`, `CreateOutcome`), never a thrown error.
 * - A method retries transient errors itself, unless its docstring says otherwise. After the last retry it throws a
 *   StoreUnavailableError. A subscription then waits and retries; it fails on any other error.
 * - If the answer to a write was lost, the write may have been executed. Before a method retries the write, it must find
 *   out what the earlier attempt wrote, and return that result.
 * - When the signal is aborted, the method may stop early and reject with the signal's reason.
 */
import type { RecordedEvent } from '../event.ts'
import type { ExpectedVersion } from '../expected-version.ts'
import type { Frontier } from '../log/frontier.ts'
import type { Direction, StreamInfo, StreamSlice } from '../reads.ts'
import type { Caller } from './caller.ts'
import type { LogPage, LogQuery } from './log-query.ts'
import type { Pace } from './pace.ts'
import type { ProjectionStorage } from './projections.ts'
import type { SnapshotStorage } from './snapshots.ts'
import type { SubscriptionStorage } from './subscriptions.ts'

/** An event that passed the input rules. */
export interface PreparedEvent {
  /** A UUID in lower case. */
  readonly id: string
  /**
   * `library`: the library made the id for this call, so no other caller can know it, and only a retry of this call can
   * repeat it. `caller`: the caller chose the id, so any earlier call may have recorded it.
   */
  readonly idFrom: 'caller' | 'library'
  readonly type: string
  /** As JSON text. */
  readonly data: string
  /** As JSON text; `{}` if there is none. */
  readonly metadata: string
  readonly tags: readonly string[]
}

/**
 * The events to append to one stream, and the version at which the stream must be. Without events it only checks that.
 */
export interface PreparedAppend {
  readonly streamId: string
  readonly expectedVersion: ExpectedVersion
  readonly events: readonly PreparedEvent[]
  /** The caller of the append, in whose async context inline projections run. @default the present one */
  readonly caller?: Caller | undefined
}

/** An event to import, its stream, and when the other system recorded it (undefined: now). */
export interface PreparedImport extends PreparedEvent {
  readonly streamId: string
  readonly recordedAt: Date | undefined
}

/** The outcome of one append of a call. */
export type AppendOutcome =
  | AppendSuccess
  /** The stream is not at the expected version, but at this one (0: it does not exist or has no events). */
  | { readonly kind: 'conflict'; readonly actual: number }
  /** An event id is recorded already, by another append; `streamId` is the stream that has it. */
  | { readonly kind: 'duplicate'; readonly eventId: string; readonly streamId: string }
  /** Nothing was written, because another append of the same call failed. */
  | { readonly kind: 'abandoned' }

/** The events are recorded. */
export interface AppendSuccess {
  /** `repeated`: an earlier call recorded these event ids in this stream. The other fields then describe that call. */
  readonly kind: 'appended' | 'repeated'
  /** The version of the append's last event; the stream's version if the append has no events. */
  readonly version: number
  /** The position of each event, in the order of the events. */
  readonly positions: readonly number[]
  /** When the events were recorded; undefined if the append has none. */
  readonly recordedAt: Date | undefined
  /**
   * Only for an append without events: the position of the stream's last event. @default 0: the stream has no events
   */
  readonly emptyAt?: number
}

/** The outcome of `createStream`. `exists` carries the version of the existing stream. */
export type CreateOutcome =
  | { readonly kind: 'created'; readonly stream: StreamInfo }
  | { readonly kind: 'exists'; readonly version: number }

/** The outcome of `importBatch`. If it is not `imported`, nothing of the batch was written. */
export type ImportOutcome =
  /** The number of events that were appended. The others were recorded already. */
  | { readonly kind: 'imported'; readonly imported: number }
  /** An event is older than the previous event of its stream. */
  | {
      readonly kind: 'out-of-order'
      readonly streamId: string
      readonly recordedAt: Date
      readonly previous: Date
    }
  /** An event id is recorded already, in this other stream. */
  | { readonly kind: 'duplicate'; readonly eventId: string; readonly streamId: string }

/** The events of a stream to read. All bounds are inclusive. */
export interface StreamWindow {
  readonly fromVersion: number
  /** May be larger than the stream's version. */
  readonly toVersion: number
  /** Only events that were recorded at or before this moment. */
  readonly asOf: Date | undefined
  readonly direction: Direction
  /** The largest number of events to return, counted from the side on which reading starts. */
  readonly limit: number
}

/** A database as the engine of this library uses it. */
export interface Storage extends ProjectionStorage, SnapshotStorage, SubscriptionStorage {
  /**
   * Creates a stream without events. `metadata` is JSON text. `creationId` is a UUID of this call alone: with it, a
   * retry recognises a stream that an earlier attempt created, and returns `created`.
   */
  createStream(
    streamId: string,
    metadata: string,
    creationId: string,
    signal?: AbortSignal,
  ): Promise<CreateOutcome>

  /**
   * Records all appends in one transaction, or none. Returns one outcome for each, in the same order. There is at least
   * one append, and each stream occurs once.
   *
   * - Versions of a stream are 1, 2, 3 … without gaps. Within a stream, positions rise and `recordedAt` never decreases,
   *   even if a clock steps back.
   * - Of concurrent appends that expect the same version, exactly one succeeds.
   * - If event ids are recorded already, use `settleRepeat` (storage/repeat.ts): it returns `repeated` or `duplicate`, and
   *   ignores the expected version.
   * - If a projection is inline in the database, and this store lacks it or has another version of it, nothing is
   *   written, and the method rejects. See `InlineProjections.check` and `StorageTransaction.lockAppends`.
   * - The documents of inline projections are written in the same transaction. If a projection throws, nothing is written,
   *   and the method rejects with an InlineFailure.
   */
  append(appends: readonly PreparedAppend[], signal?: AbortSignal): Promise<readonly AppendOutcome[]>

  /**
   * Reads a stream, including every append that was acknowledged before the call. `version` and `exists` describe the
   * whole stream, not the window.
   */
  readStream(streamId: string, window: StreamWindow, signal?: AbortSignal): Promise<StreamSlice>

  /**
   * Returns the event with this id, a UUID in lower case; undefined if no stream has it. Finds every event whose
   * append was acknowledged before the call. A storage that has no index of all ids says which of them it finds.
   */
  findEvent(id: string, signal?: AbortSignal): Promise<RecordedEvent | undefined>

  /**
   * Reads one page of the log in order of position. While an event may still commit at an earlier place of the result,
   * the method waits, or ends the page before it.
   */
  readLogPage(query: LogQuery, signal?: AbortSignal): Promise<LogPage>

  /**
   * Returns how far readers can read now, and the running appends. It must not wait for these appends.
   *
   * @default `readLogPage` shows the end of the log, and no append
   */
  readonly frontier?: ((signal?: AbortSignal) => Promise<Frontier>) | undefined

  /** Returns what is known about a stream; undefined if it does not exist. */
  streamInfo(streamId: string, signal?: AbortSignal): Promise<StreamInfo | undefined>

  /**
   * Returns up to `limit` streams whose id begins with `prefix` and sorts after `after` (exclusive), in code point
   * order (see `compareNames`). An empty text stands for no prefix, or for the beginning.
   */
  listStreams(
    prefix: string,
    after: string,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly StreamInfo[]>

  /**
   * Returns up to `limit` streams whose id begins with `prefix`, by falling version, and those of the same version in
   * code point order of their ids. An empty text stands for no prefix.
   *
   * @default the store reads all pages of `listStreams`, and keeps the largest
   */
  readonly largestStreams?:
    | ((prefix: string, limit: number, signal?: AbortSignal) => Promise<readonly StreamInfo[]>)
    | undefined

  /**
   * Appends a batch in its order, except for events whose id is recorded in their stream already. Each event keeps its
   * `recordedAt`. With `clampTimes`, an event that is older than its stream's previous one gets the previous event's
   * time; without it, the outcome is `out-of-order`. Inline projections take part as in `append`.
   */
  importBatch(
    events: readonly PreparedImport[],
    clampTimes: boolean,
    signal?: AbortSignal,
  ): Promise<ImportOutcome>

  /** Notifications between processes, if the database has them. Without them, readers only poll. @default none */
  readonly notifications?: Notifications | undefined

  /**
   * For how long the engine waits for a transaction of its own, in milliseconds, if one may wait for locks without an
   * end. @default every transaction of the storage ends by itself
   */
  readonly timeout?: number | undefined

  /** How often the engine may send requests, if the database bills each one. @default as often as is useful */
  readonly pace?: Pace | undefined

  /**
   * Throws if the code that runs now must not call the store, because it is inside a transaction of the storage for
   * which every call would wait. The store asks before each call of the user. @default every call may run
   * @throws NestedCallError
   */
  readonly checkNesting?: (() => void) | undefined

  /** Closes what the storage opened. The store calls it once, after all calls have ended. */
  close(): Promise<void>
}

/** Notifies other processes of new events. A notification is a hint: it may be lost, or come without a new event. */
export interface Notifications {
  /** Notifies other processes, soon, that this one has appended. Returns at once and never throws. */
  appended(): void
  /** Calls `wake` when another process has appended. Returns a function that ends this. */
  listen(wake: () => void): () => Promise<void>
}
