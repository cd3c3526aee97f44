/** The public types for reading documents. */
import type { CallOptions } from '../call-options.ts'
import type { DocumentChange, PrefixChange, ViewDocument } from './view-document.ts'

/** The options of `get`: which position to wait for. */
export interface ViewOptions extends CallOptions {
  /**
   * Waits until the view contains every event up to this position (inclusive), for example the `position` of an
   * `AppendResult`, so that a caller reads its own writes. Works for document projections only: on a collection it
   * waits for a subscription with the collection's name. @default 0: does not wait
   */
  readonly atLeast?: number | undefined
  /** How long to wait for `atLeast`, in milliseconds. @default 5,000 */
  readonly timeout?: number | undefined
}

/** Which documents to list, and when to read them. */
export interface ListDocumentsOptions extends ViewOptions {
  /** Only documents whose key begins with this text. @default all */
  readonly prefix?: string | undefined
  /** Only documents whose key sorts after this one (exclusive, by Unicode code point). @default all */
  readonly after?: string | undefined
  /** The largest number of documents to return. @default all */
  readonly limit?: number | undefined
}

/** The options of `watch`: where to resume. */
export interface WatchOptions extends CallOptions {
  /**
   * Resumes after this position (exclusive): the `position` of the last change that the caller has handled. The watch
   * then yields what has changed since. A watch of a prefix repeats the changes of the event at this position, because one
   * event may change several documents. If too much has changed, the watch yields a reset instead. @default begins with
   * the present state
   */
  readonly after?: number | undefined
  /**
   * The `generation` of that change. If the projection was rebuilt since, the watch yields a reset. @default the present
   * generation
   */
  readonly generation?: number | undefined
}

/** Reads the documents of a projection, or of a collection that handlers write. */
export interface View<State> {
  /**
   * Returns the document with this key; `undefined` if there is none.
   * @throws SubscriptionBehindError if `atLeast` is not reached within `timeout`
   */
  get(key: string, options?: ViewOptions): Promise<ViewDocument<State> | undefined>
  /**
   * Lists documents in order of their keys (by Unicode code point). Keeps one page in memory; a document that changes
   * while the caller iterates may be returned in its old or its new state.
   * @throws SubscriptionBehindError if `atLeast` is not reached within `timeout`
   */
  list(options?: ListDocumentsOptions): AsyncIterable<ViewDocument<State>>
  /**
   * Watches a document: yields its present state, then its newest state after each change. It waits while the database
   * is away. It ends when the caller ends the loop or aborts the signal. All watches of a store object share one reader of the log,
   * and read each changed document once.
   * @throws InvalidInputError if the view is not that of a document projection
   * @throws ProjectionVersionError if the documents have another version than the projection
   * @throws LogTruncatedError if the log ends before `after`, or has lost events that the watch has seen
   * @throws StoreClosedError once the store is closed
   */
  watch(key: string, options?: WatchOptions): AsyncIterable<DocumentChange<State>>
  /**
   * Watches all documents whose key begins with a text, at most 10,000: yields a snapshot of them, then the newest state of
   * each document that changes.
   * @throws the same errors
   */
  watch(keys: { readonly prefix: string }, options?: WatchOptions): AsyncIterable<PrefixChange<State>>
}
