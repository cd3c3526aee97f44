/** Refuses values that a caller passed: shows how such a value begins, and reads values whose getters may throw. */
import { InvalidInputError } from '../errors/index.ts'

/** Returns how a value begins, in at most about 60 characters, for an error message. Never throws. */
export function beginning(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 50 ? `${value.slice(0, 50)}…` : value)
  if (typeof value === 'bigint') return `${String(value).slice(0, 50)}n`
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value)
  try {
    if (Array.isArray(value)) return `an array of ${value.length}`
    if (value instanceof Date && Number.isNaN(value.getTime())) return 'an invalid Date'
    const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
    return typeof name === 'string' && name !== 'Object' ? `an instance of ${name.slice(0, 40)}` : 'an object'
  } catch {
    return 'an object that cannot be looked at'
  }
}

/** Refuses a value. @throws InvalidInputError with how the value begins */
export function refuse(field: string, problem: string, value: unknown): never {
  throw new InvalidInputError(field, problem, beginning(value))
}

/**
 * Returns the result of `look`, which reads a value that a caller passed. If a getter or proxy of the value throws, the
 * value is refused.
 * @throws InvalidInputError with the thrown error as its `cause`
 */
export function readSafely<T>(field: string, value: unknown, look: () => T): T {
  try {
    return look()
  } catch (error) {
    if (error instanceof InvalidInputError) throw error
    throw new InvalidInputError(field, 'could not be read', beginning(value), { cause: error })
  }
}
