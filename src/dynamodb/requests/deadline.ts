/**
 * The deadline of one attempt of a request. The SDK has none by default: its `requestTimeout` only writes a line to the
 * log, and a client of the user has settings of its own. So the store aborts each attempt itself, and does not wait for
 * a client that ignores the abort.
 */
import { abortable, linkedController } from '../../storage/index.ts'

// Requests whose answers may be large: 1 MB for one page, 16 MB for a batch.
const largeAnswers = new Set(['Query', 'Scan', 'BatchGetItem'])
const longestFactor = 4
// `setTimeout` fires at once for a longer time.
const longestTimer = 2 ** 31 - 1

/**
 * Returns the deadline of the next attempt, in milliseconds. A large answer may need longer than `requestTimeout` on a
 * slow connection, and would then never arrive. So its deadline doubles after each attempt that took too long, up to
 * four times `requestTimeout`. `timeouts`: how many attempts took too long so far.
 */
export function deadlineOf(command: string, requestTimeout: number, timeouts: number): number {
  if (!largeAnswers.has(command)) return requestTimeout
  return Math.min(longestTimer, requestTimeout * Math.min(longestFactor, 2 ** timeouts))
}

/** No answer arrived within the deadline. The request may have been carried out. */
export class AttemptTimeout extends Error {
  override name = 'TimeoutError'
  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds} ms (the option requestTimeout)`)
  }
}

/**
 * Sends one attempt. Settles within `milliseconds`, whatever the client does.
 * @throws AttemptTimeout if there is no answer in time. The signal's reason, as soon as the signal is aborted
 */
export async function sendWithin<T>(
  milliseconds: number,
  signal: AbortSignal | undefined,
  send: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { controller, unlink } = linkedController(signal)
  const timer = setTimeout(() => controller.abort(new AttemptTimeout(milliseconds)), milliseconds)
  try {
    return await abortable(send(controller.signal), controller.signal)
  } finally {
    clearTimeout(timer)
    unlink()
  }
}
