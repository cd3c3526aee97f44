/** What a store finds at its start that does not stop it, but that its user should know. */

export interface StoreWarning {
  /** What was found, in words that never change, such as `fsync-off`. */
  readonly code: string
  /** What can be lost, and what to do about it. */
  readonly message: string
}

/** As Node.js tells of deprecations: on standard error, unless `--disable-warning` names the code. */
export function emitWarning({ code, message }: StoreWarning): void {
  process.emitWarning(message, { type: 'EventSourcedWarning', code })
}
