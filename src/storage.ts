/**
 * `@eventsourced/core/storage`: what a database must do to become an `EventStore`: `eventStore(storage)` adds the rest, the same for
 * all of them (input rules, errors, paging, following). Here a conflict is a value, not an exception.
 */
import type { RecordedEvent } from './event.ts'
import type { ProjectionStorage } from './projection/storage.ts'
import type { Direction, ExpectedVersion, StreamInfo, StreamSlice } from './store.ts'
import type { SubscriptionStorage } from './subscription/storage.ts'

/** An event that passed the input rules; payload and metadata as JSON text. */
export interface PreparedEvent {
  readonly id: string
  /** An id that the library made for this very call is known to nobody else. */
  readonly idFrom: 'caller' | 'library'
  readonly type: string
  readonly data: string
  readonly metadata: string
  readonly tags: readonly string[]
}

export interface PreparedAppend {
  readonly streamId: string
  readonly expectedVersion: ExpectedVersion
  readonly events: readonly PreparedEvent[]
}

/** An event to import: with its stream, and the time it was recorded elsewhere. */
export interface PreparedImport extends PreparedEvent {
  readonly streamId: string
  readonly recordedAt: Date | undefined
}

/** What became of one append of a call. */
export type AppendOutcome =
  | Written
  | { readonly kind: 'conflict'; readonly actual: number }
  /** An event id is taken, and the append is no repeat of the one that took it. */
  | { readonly kind: 'duplicate'; readonly eventId: string; readonly streamId: string }
  /** Not written because another append of the same call failed. */
  | { readonly kind: 'abandoned' }

export interface Written {
  /** `repeated`: these event ids were already recorded here; the rest describes that first append. */
  readonly kind: 'appended' | 'repeated'
  readonly version: number
  readonly positions: readonly number[]
  readonly recordedAt: Date | undefined
  /** The position of the stream's last event if the append had no events (0: none). */
  readonly emptyAt?: number
}

export type CreateOutcome =
  | { readonly kind: 'created'; readonly stream: StreamInfo }
  | { readonly kind: 'exists'; readonly version: number }

export type ImportOutcome =
  | { readonly kind: 'imported'; readonly imported: number }
  | {
      readonly kind: 'out-of-order'
      readonly streamId: string
      readonly recordedAt: Date
      readonly previous: Date
    }
  | { readonly kind: 'duplicate'; readonly eventId: string; readonly streamId: string }

export interface StreamWindow {
  readonly fromVersion: number
  readonly toVersion: number
  readonly asOf: Date | undefined
  readonly direction: Direction
  readonly limit: number
}

export interface LogQuery {
  /** Exclusive. */
  readonly after: number
  /** Inclusive. */
  readonly until: number
  readonly types: readonly string[] | undefined
  readonly streamPrefix: string | undefined
  /** Events that carry all of them. */
  readonly tags: readonly string[] | undefined
  /** Only streams of this part, see `partitionOf`. */
  readonly partition: Partition | undefined
  readonly direction: Direction
  readonly limit: number
}

export interface Partition {
  /** 0-based. */
  readonly index: number
  readonly count: number
}

export interface LogPage {
  /** Perhaps decoded only when they are first looked at. */
  readonly events: readonly RecordedEvent[]
  /** Everything at or before this position is settled: no further event will ever appear there. */
  readonly frontier: number
  /** The last position that was given out when the page was read. @default the frontier */
  readonly head?: number
  /** Which server has answered, and since when it runs, if there may come another one that has lost the end of the log. */
  readonly server?: string
  /** True if the page was cut by its limit, so that more may follow at once. */
  readonly full: boolean
  /**
   * The position of an event that exists, up to which (inclusive) this page has answered the query. Not the
   * frontier: after a crash, a database may hand out again positions that were taken but never committed.
   */
  readonly through: number
}

export interface Storage extends ProjectionStorage, SubscriptionStorage {
  createStream(
    streamId: string,
    metadata: string,
    creationId: string,
    signal?: AbortSignal,
  ): Promise<CreateOutcome>

  /**
   * Performs all appends or none; one outcome each, in the order given. Each stream appears once. What the inline
   * projections make of the events is part of it; if one throws, nothing is done, and it rejects with that error.
   */
  append(appends: readonly PreparedAppend[], signal?: AbortSignal): Promise<readonly AppendOutcome[]>

  readStream(streamId: string, window: StreamWindow, signal?: AbortSignal): Promise<StreamSlice>

  readLog(query: LogQuery, signal?: AbortSignal): Promise<LogPage>

  streamInfo(streamId: string, signal?: AbortSignal): Promise<StreamInfo | undefined>

  /** Streams whose id begins with `prefix` and sorts after `after`, in code point order. */
  listStreams(
    prefix: string,
    after: string,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly StreamInfo[]>

  /** Appends a batch in its order, leaving out the events whose id is already recorded in their stream. */
  importBatch(
    events: readonly PreparedImport[],
    clampTimes: boolean,
    signal?: AbortSignal,
  ): Promise<ImportOutcome>

  /** Between processes, if there can be several; they look at the log themselves now and then all the same. */
  readonly notifications?: Notifications | undefined

  close(): Promise<void>
}

/** Hints that there are new events. One may be lost, or come for nothing. */
export interface Notifications {
  /** Has the other processes told, some time soon. */
  appended(): void
  /** Calls `wake` when another process has appended, until the function that it gives back is called. */
  listen(wake: () => void): () => Promise<void>
}

// What storages have in common
export { partitionOf } from './partition.ts'
export { handWritten } from './projection/hand-written.ts'
export { InlineFailure, InlineProjections } from './projection/inline.ts'
export type {
  DocumentAddress,
  DocumentChange,
  DocumentDifference,
  ProjectionMode,
  ProjectionStorage,
  ProjectionToRegister,
  RegisteredProjection,
  StorageTransaction,
  StoredDocument,
} from './projection/storage.ts'
export { type RecordedId, settleRepeat } from './repeat.ts'
export type {
  EventToPark,
  KeptLeases,
  Lease,
  ParkedRecord,
  ParkedState,
  PartitionCheckpoint,
  SubscriptionStorage,
} from './subscription/storage.ts'
