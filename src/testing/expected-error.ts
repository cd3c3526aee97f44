/** The error that a test expects. */
import { describe, fail } from './assertions.ts'

/** The error that a test expects: its class, a pattern of its message, or a function that returns true for it. */
export type ExpectedError = ErrorClass | RegExp | ((error: unknown) => boolean)

type ErrorClass = abstract new (...parameters: never[]) => Error

/** @throws AssertionError if the error is another one. `happened`: how it came about, such as 'decide threw' */
export function checkError(
  error: unknown,
  expected: ExpectedError | undefined,
  scene: string,
  happened: string,
): void {
  if (expected === undefined || matches(error, expected)) return
  fail(`${scene} ${describeExpected(expected)} was expected, but ${happened} ${describe(error)}`, error)
}

export function describeExpected(expected: ExpectedError | undefined): string {
  if (expected === undefined) return 'an error'
  if (expected instanceof RegExp) return `an error with the message ${expected}`
  return isErrorClass(expected) ? expected.name : `an error that passes ${expected}`
}

function matches(error: unknown, expected: ExpectedError): boolean {
  if (expected instanceof RegExp) return expected.test(error instanceof Error ? error.message : String(error))
  if (isErrorClass(expected)) return error instanceof expected
  return expected(error)
}

/** Returns true for a class of errors, and false for a function that checks an error. */
function isErrorClass(expected: ErrorClass | ((error: unknown) => boolean)): expected is ErrorClass {
  return expected === Error || expected.prototype instanceof Error
}
