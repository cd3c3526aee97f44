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

// Any value can be thrown, also one whose properties throw, or that has no `toString`.
const withoutText = 'a value that cannot be shown as text'

/** Returns the text of an error, for quoting it in another error's message. Never throws. */
export function reasonOf(cause: unknown): string {
  try {
    if (cause instanceof AggregateError && cause.message === '') return cause.errors.map(reasonOf).join('; ')
    return String(cause instanceof Error ? cause.message || cause.name : cause)
  } catch {
    return withoutText
  }
}

/** Returns the name and the text of an error, and its stack if it has one. Never throws. */
export function describeError(error: unknown): { readonly text: string; readonly stack: string | undefined } {
  try {
    if (!(error instanceof Error)) return { text: String(error), stack: undefined }
    const { name, message, stack } = error
    return { text: `${name}: ${message}`, stack: typeof stack === 'string' ? stack : undefined }
  } catch {
    return { text: withoutText, stack: undefined }
  }
}
