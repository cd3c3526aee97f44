/** Reading your own writes over HTTP: the position of an answer comes back with the next read. */
import { checkMilliseconds } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { refuse } from '../input/refusal.ts'
import type { ViewOptions } from '../projection/view.ts'
import { checkRequest } from './check-request.ts'

/** The options of `atLeast`. */
export interface AtLeastOptions {
  /** How long the view waits for the position, in milliseconds. @default 5,000 */
  readonly timeout?: number | undefined
}

/**
 * Reads the header `Position` of a request into the options of a view's `get` or `list`: the view waits until it contains
 * every event up to that position (inclusive), and stops waiting when the client has gone. Without the header, it
 * does not wait.
 * @throws InvalidInputError if the header is no position, or is given twice
 */
export function atLeast(request: Request, options?: AtLeastOptions): ViewOptions {
  const { timeout } = optionsOf(options, ['timeout'])
  if (timeout !== undefined) checkMilliseconds(timeout, 'timeout', 0)
  checkRequest(request)
  const header = request.headers.get('position')?.trim()
  return {
    ...(header !== undefined && { atLeast: positionOf(header) }),
    ...(timeout !== undefined && { timeout }),
    signal: request.signal,
  }
}

function positionOf(header: string): number {
  const position = /^\d{1,16}$/.test(header) ? Number(header) : Number.NaN
  if (!Number.isSafeInteger(position)) {
    refuse(
      'Position',
      'must be a whole number from 0 to 2^53 - 1, as the header Position of an answer',
      header,
    )
  }
  return position
}
