/** Warnings of a store about its database: it opens, but events may be lost. */

/** A finding that does not stop the store. */
export interface StoreWarning {
  /** Identifies the finding, such as `fsync-off`. A code never changes. */
  readonly code: string
  /** What can be lost, and what to do about it. */
  readonly message: string
}

/** Emits a process warning. Node.js prints it on standard error, unless `--disable-warning` names its code. */
export function emitWarning({ code, message }: StoreWarning): void {
  process.emitWarning(message, { type: 'EventSourcedWarning', code })
}
