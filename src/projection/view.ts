/** Reading what projections have made. */
import type { CallOptions } from '../store.ts'

export interface Document<State> {
  readonly key: string
  readonly state: State
  /** How often it was written since it was made: 1 for a new one. */
  readonly revision: number
  /** The position of the event that changed it last. */
  readonly position: number
}

export interface ViewOptions extends CallOptions {
  /**
   * What is read must hold everything up to this position (of an `AppendResult`, say): so you read your own writes
   * in a view that follows the log.
   */
  readonly atLeast?: number | undefined
  /** How long to wait for it, in milliseconds. @default 5,000 */
  readonly timeout?: number | undefined
}

export interface ListDocumentsOptions extends ViewOptions {
  /** Only keys that begin so. */
  readonly prefix?: string | undefined
  /** Only keys that sort after this one (by Unicode code point). */
  readonly after?: string | undefined
  readonly limit?: number | undefined
}

export interface View<State> {
  /** @throws ViewBehindError if `atLeast` is not reached in time */
  get(key: string, options?: ViewOptions): Promise<Document<State> | undefined>
  /** In order of keys. */
  all(options?: ListDocumentsOptions): AsyncIterable<Document<State>>
}
