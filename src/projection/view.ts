/** Reading what projections have made. */
import type { CallOptions } from '../call-options.ts'

export interface ViewDocument<State> {
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
  /** @throws SubscriptionBehindError if `atLeast` is not reached within `timeout` */
  get(key: string, options?: ViewOptions): Promise<ViewDocument<State> | undefined>
  /** In order of keys. */
  list(options?: ListDocumentsOptions): AsyncIterable<ViewDocument<State>>
}
