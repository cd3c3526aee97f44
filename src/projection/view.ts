/** The public types for reading documents. */
import type { CallOptions } from '../call-options.ts'

/** A document, as readers get it. */
export interface ViewDocument<State> {
  readonly key: string
  readonly state: State
  /** The number of writes since the document was created: 1 for a new document. */
  readonly revision: number
  /** The position of the last event that changed the document; 0 if a handler wrote it. */
  readonly position: number
}

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
}
