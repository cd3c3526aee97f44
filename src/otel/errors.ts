/** How spans show errors. */
import { EventSourcedError, hasCode } from '../errors/index.ts'
import type { Operation } from '../observe/operation.ts'

/** Returns the value of `error.type`: the code of the error if it has one, otherwise its name. Never throws. */
export function errorType(error: unknown): string {
  try {
    const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown }
    if (typeof code === 'string' && code !== '') return code
    return typeof name === 'string' && name !== '' ? name : '_OTHER'
  } catch {
    return '_OTHER'
  }
}

/**
 * Whether an error fails the span. A conflict with another writer does not, and neither does the error with which a decider
 * refuses a command: both are outcomes that the program expects. A `TypeError`, `ReferenceError` or `SyntaxError` of a
 * decider is a mistake in the program.
 */
export function failsSpan(error: unknown, { name }: Operation): boolean {
  if (hasCode(error, 'wrong-expected-version')) return name !== 'append' && name !== 'command'
  if (name !== 'command' || error instanceof EventSourcedError) return true
  return [TypeError, ReferenceError, SyntaxError].some((mistake) => error instanceof mistake)
}
