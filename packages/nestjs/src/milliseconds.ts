/** Checks durations. */
import { EventsourcedSetUpError, shown } from './set-up-error.ts'

// The longest time that a timer of Node.js can wait. With a longer one, it would end at once.
const longestWait = 2 ** 31 - 1

/** @throws EventsourcedSetUpError if the value is no duration that a timer can wait. `what`: names the option */
export function checkMilliseconds(value: unknown, what: string): void {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= longestWait) return
  throw new EventsourcedSetUpError(
    `${what} must be a whole number of milliseconds from 0 to ${longestWait}, not ${shown(value)}`,
  )
}
