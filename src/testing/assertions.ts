/** Fails a check with a message that says what was expected, and what came. */
import { AssertionError, deepStrictEqual } from 'node:assert'
import { inspect } from 'node:util'

/** Throws an error with the message, followed by the difference that `deepStrictEqual` has printed. */
export function compare(actual: unknown, expected: unknown, message: string): void {
  try {
    deepStrictEqual(actual, expected)
  } catch (error) {
    if (!(error instanceof AssertionError)) throw error
    const difference = error.message.slice(error.message.indexOf('\n') + 1)
    throw new AssertionError({ actual, expected, operator: 'given', message: `${message}\n${difference}` })
  }
}

/** @throws AssertionError */
export function fail(message: string, cause?: unknown): never {
  const error = new AssertionError({ message, operator: 'given' })
  if (cause !== undefined) error.cause = cause
  throw error
}

export function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : inspect(error)
}

export function onOneLine(value: unknown): string {
  return inspect(value, { depth: 4, breakLength: Number.POSITIVE_INFINITY })
}

/** The beginning of each message. */
export function history(past: readonly { readonly type: string }[]): string {
  return `Given ${past.length === 0 ? 'no events' : past.map(({ type }) => type).join(', ')}`
}

/**
 * `await given(…)` takes an object with a method `then` for a promise: it passes a callback, and would wait for ever.
 * @throws TypeError
 */
export function refuseCallback(expected: unknown, problem: string): void {
  if (typeof expected === 'function') throw new TypeError(problem)
}
