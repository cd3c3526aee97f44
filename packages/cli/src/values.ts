/** Reads the values of options, and refuses what does not fit. */
import { InvalidArgumentError } from 'commander'

/** A whole number of at least `least`. */
export const wholeNumber =
  (least: number) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value
    throw new InvalidArgumentError(`It must be a whole number from ${least}.`)
  }

/** Text that is not empty. */
export function filled(text: string): string {
  if (text.trim() !== '') return text
  throw new InvalidArgumentError('It must not be empty.')
}

const id = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The position of an event, or its id. */
export type EventPlace = number | string

export function eventPlace(text: string): EventPlace {
  if (id.test(text)) return text
  if (/^\d+$/.test(text)) return wholeNumber(1)(text)
  throw new InvalidArgumentError('Write the id of the event, which is a UUID, or its position, from 1.')
}

/** A moment such as `2027-03-01` or `2027-03-01T12:00:00Z`. A date alone is its beginning in UTC. */
export function moment(text: string): Date {
  const value = new Date(text)
  if (!Number.isNaN(value.getTime())) return value
  throw new InvalidArgumentError('Write a date, or a date with a time, such as 2027-03-01T12:00:00Z.')
}

/** Adds a value to the values that were given before. For options that may be repeated. */
export const collected = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  text,
]
