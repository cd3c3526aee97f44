/** The options that every call takes. */

export interface CallOptions {
  /**
   * Rejects the call with the signal's reason as soon as the signal is aborted. An append that was already sent may
   * still be recorded. @default none
   */
  readonly signal?: AbortSignal | undefined
}
