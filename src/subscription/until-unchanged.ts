/** Changes a registered subscription that other processes may change at the same time. */
import { StoreUnavailableError } from '../errors/index.ts'

const mostAttempts = 20

/**
 * Calls `attempt` until it returns a result. It reads the subscription and changes it, and returns undefined if another
 * process has changed the subscription in between. `what`: the beginning of the error's message.
 * @throws StoreUnavailableError after 20 attempts
 */
export async function untilUnchanged<T>(what: string, attempt: () => Promise<T | undefined>): Promise<T> {
  for (let attempts = 0; attempts < mostAttempts; attempts++) {
    const result = await attempt()
    if (result !== undefined) return result
  }
  const cause = new Error('other processes have changed it each time between the reading and the writing')
  throw new StoreUnavailableError(what, mostAttempts, cause)
}
