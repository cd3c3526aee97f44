/** Checks of single values: names, numbers, times, choices. Each throws an InvalidInputError for a bad value. */
import type { ExpectedVersion } from '../expected-version.ts'
import { readSafely, refuse } from './refusal.ts'

const maxNameBytes = 512

/**
 * Checks a name that a caller reads by: text of 1 to 512 bytes that every database can hold. Unlike `checkName`, it
 * accepts a name that begins with `$`: the store finds nothing under it.
 * @throws InvalidInputError
 */
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

/** Checks a filter of at least one name, and copies it, because the caller's array may change later. */
export function checkedNames(value: unknown, field: string, problem: string): readonly string[] {
  return readSafely(field, value, () => {
    if (!Array.isArray(value) || value.length === 0) refuse(field, problem, value)
    return namesIn(value, field)
  })
}

/** Checks each of these names, and returns a copy. */
export function namesIn(values: readonly unknown[], field: string): readonly string[] {
  // Unlike `map`, Array.from also visits the holes of an array.
  return Array.from(values, (name, index) => {
    checkName(name, `${field}[${index}]`)
    return name
  })
}

/**
 * Checks a name that a caller writes. Names that begin with `$` are reserved for this library.
 * @throws InvalidInputError
 */
export function checkName(value: unknown, field: string): asserts value is string {
  checkReadName(value, field)
  if (value.startsWith('$'))
    refuse(field, 'must not begin with $, which is reserved for this library: use another name', value)
}

/** Checks a whole number between `least` and `most`, both inclusive. @throws InvalidInputError */
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

// The longest time of a timer: `setTimeout` fires at once for a longer one.
const longestWait = 2 ** 31 - 1

/**
 * Checks a time to wait: whole milliseconds from `least` to 2,147,483,647 (both inclusive). @throws InvalidInputError
 */
export function checkMilliseconds(value: unknown, field: string, least: number): asserts value is number {
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > longestWait) {
    refuse(field, `must be a whole number of milliseconds from ${least} to ${longestWait}`, value)
  }
}

/** Checks a date, and copies it, because the caller's Date may change later. @throws InvalidInputError */
export function checkedDate(value: unknown, field: string): Date {
  const date = dateOf(value)
  if (date === undefined || Number.isNaN(date.getTime())) refuse(field, 'must be a valid Date', value)
  // Four-digit years: Postgres, ISO 8601 and JavaScript write these alike.
  const year = date.getUTCFullYear()
  if (year < 1 || year > 9999) refuse(field, 'must be in the years 1 to 9999', date.toISOString())
  return date
}

/** Returns true for a Date, also one of another realm, but not for an object that only inherits from Date. */
export function isDate(value: unknown): value is Date {
  return dateOf(value) !== undefined
}

/** Copies a Date. `getTime` accepts a Date of any realm, and throws for an object that only inherits from Date. */
function dateOf(value: unknown): Date | undefined {
  try {
    return new Date(Date.prototype.getTime.call(value as Date))
  } catch {
    return undefined
  }
}

/** Checks that a value is one of the allowed texts. @throws InvalidInputError */
export function checkOneOf(value: unknown, field: string, allowed: readonly string[]): void {
  if (!allowed.includes(value as string)) {
    refuse(field, `must be ${allowed.map((name) => `'${name}'`).join(' or ')}`, value)
  }
}

/** Checks an expected version. @throws InvalidInputError */
export function checkExpectedVersion(value: unknown): asserts value is ExpectedVersion {
  if (value === 'any' || value === 'noStream' || value === 'streamExists') return
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    refuse('expectedVersion', "must be a version (0, 1, 2, …), 'any', 'noStream' or 'streamExists'", value)
  }
}

/** Checks text of any length that every database can hold. @throws InvalidInputError */
export function checkText(value: unknown, field: string): asserts value is string {
  if (typeof value !== 'string') refuse(field, 'must be a string', value)
  checkCharacters(value, field)
}

/** Checks that text has no NUL character and no lone surrogate. @throws InvalidInputError */
export function checkCharacters(text: string, field: string): void {
  if (text.includes('\0')) refuse(field, 'must not contain the NUL character', text)
  if (!text.isWellFormed()) refuse(field, 'must be well-formed Unicode (it has a lone surrogate)', text)
}

/** Checks that a value is true or false. @throws InvalidInputError */
export function checkBoolean(value: unknown, field: string): asserts value is boolean {
  if (typeof value !== 'boolean') refuse(field, 'must be true or false', value)
}

/** Checks that a value is a function. @throws InvalidInputError */
export function checkFunction(value: unknown, field: string): void {
  if (typeof value !== 'function') refuse(field, 'must be a function', value)
}
