/**
 * `@eventsourced/core/storage`: what a database must do to become an `EventStore`: `eventStore(storage)` adds the rest, the same for
 * all of them (input rules, errors, paging, following). Here a conflict is a value, not an exception.
 */

import type { ExpectedVersion } from '../expected-version.ts'
import type { Direction, StreamInfo, StreamSlice } from '../store.ts'
import type { LogPage, LogQuery } from './log-query.ts'
import type { ProjectionStorage } from './projections.ts'
import type { SubscriptionStorage } from './subscriptions.ts'

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
  | AppendSuccess
  | { readonly kind: 'conflict'; readonly actual: number }
  /** An event id is taken, and the append is no repeat of the one that took it. */
  | { readonly kind: 'duplicate'; readonly eventId: string; readonly streamId: string }
  /** Not written because another append of the same call failed. */
  | { readonly kind: 'abandoned' }

export interface AppendSuccess {
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

  readLogPage(query: LogQuery, signal?: AbortSignal): Promise<LogPage>

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
