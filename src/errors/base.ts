/** The base class of all errors of this library. */
import type { ErrorCode } from './code.ts'

/** The base class of every error that this library throws on purpose. `cause` holds the driver's error, if any. */
export abstract class EventSourcedError extends Error {
  /** Identifies the kind of error. Unlike `instanceof`, it also works across two installed copies of the library. */
  abstract readonly code: ErrorCode

  override get name(): string {
    return this.constructor.name
  }
}

/** Returns the text of an error, for quoting it in another error's message. */
export function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.message === '') return cause.errors.map(reasonOf).join('; ')
  return cause instanceof Error ? cause.message || cause.name : String(cause)
}
