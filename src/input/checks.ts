/** Checks of single values: names, numbers, times, choices. Each refuses a bad value with an InvalidInputError. */
import type { ExpectedVersion } from '../expected-version.ts'
import { readSafely, refuse } from './refusal.ts'

const maxNameBytes = 512

/** A name to read by: text that a database can hold. */
export function checkReadName(value: unknown, field: string): asserts value is string {
  if (typeof value !== 'string') refuse(field, 'must be a string', value)
  if (value === '') refuse(field, 'must not be empty', value)
  if (value.length * 3 > maxNameBytes && Buffer.byteLength(value) > maxNameBytes) {
    refuse(
      field,
      `must not exceed ${maxNameBytes} bytes of UTF-8 (it has ${Buffer.byteLength(value)})`,
      value,
    )
  }
  checkCharacters(value, field)
}

/** A filter by names: at least one. A copy, as the caller's array may change later. */
export function checkedNames(value: unknown, field: string, problem: string): readonly string[] {
  return readSafely(field, value, () => {
    if (!Array.isArray(value) || value.length === 0) refuse(field, problem, value)
    return namesIn(value, field)
  })
}

export function namesIn(values: readonly unknown[], field: string): readonly string[] {
  // Array.from also meets the holes of an array.
  return Array.from(values, (name, index) => {
    checkName(name, `${field}[${index}]`)
    return name
  })
}

/** A name to write: as above, and not one of the library's own, which begin with `$`. */
export function checkName(value: unknown, field: string): asserts value is string {
  checkReadName(value, field)
  if (value.startsWith('$')) refuse(field, 'must not begin with $, which is reserved', value)
}

export function checkInteger(
  value: unknown,
  field: string,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most) {
    const limit = most === Number.MAX_SAFE_INTEGER ? '2^53 - 1' : most
    refuse(field, `must be a whole number from ${least} to ${limit}`, value)
  }
}

// What a timer can wait for: it would go off at once if it were longer.
const longestWait = 2 ** 31 - 1

export function checkMilliseconds(value: unknown, field: string, least: number): asserts value is number {
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > longestWait) {
    refuse(field, `must be a whole number of milliseconds from ${least} to ${longestWait}`, value)
  }
}

/** A copy, as the caller's Date may change later. */
export function checkedDate(value: unknown, field: string): Date {
  const date = dateOf(value)
  if (date === undefined || Number.isNaN(date.getTime())) refuse(field, 'must be a valid Date', value)
  // Years of four digits: the range that Postgres, ISO 8601 and a reader agree on.
  const year = date.getUTCFullYear()
  if (year < 1 || year > 9999) refuse(field, 'must be in the years 1 to 9999', date.toISOString())
  return date
}

/** Also true for a Date of another realm, and false for an object that only inherits from one. */
export function isDate(value: unknown): value is Date {
  return dateOf(value) !== undefined
}

/** Only what is a Date tells its time to the method of all Dates: also one of another realm, but none that inherits from one. */
function dateOf(value: unknown): Date | undefined {
  try {
    return new Date(Date.prototype.getTime.call(value as Date))
  } catch {
    return undefined
  }
}

export function checkOneOf(value: unknown, field: string, allowed: readonly string[]): void {
  if (!allowed.includes(value as string)) {
    refuse(field, `must be ${allowed.map((name) => `'${name}'`).join(' or ')}`, value)
  }
}

export function checkExpectedVersion(value: unknown): asserts value is ExpectedVersion {
  if (value === 'any' || value === 'noStream' || value === 'streamExists') return
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    refuse('expectedVersion', "must be a version (0, 1, 2, …), 'any', 'noStream' or 'streamExists'", value)
  }
}

/** Text of any length. */
export function checkText(value: unknown, field: string): asserts value is string {
  if (typeof value !== 'string') refuse(field, 'must be a string', value)
  checkCharacters(value, field)
}

export function checkCharacters(text: string, field: string): void {
  if (text.includes('\0')) refuse(field, 'must not contain the NUL character', text)
  if (!text.isWellFormed()) refuse(field, 'must be well-formed Unicode (it has a lone surrogate)', text)
}

export function checkBoolean(value: unknown, field: string): asserts value is boolean {
  if (typeof value !== 'boolean') refuse(field, 'must be true or false', value)
}

export function checkFunction(value: unknown, field: string): void {
  if (typeof value !== 'function') refuse(field, 'must be a function', value)
}
