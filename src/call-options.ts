/** The options that every call takes. */

export interface CallOptions {
  /** Ends the wait for the call. An append that was already sent may still be recorded. */
  readonly signal?: AbortSignal | undefined
}
