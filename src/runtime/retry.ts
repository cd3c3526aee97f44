/**
 * The pause before a retry: exponential backoff with full jitter (Brooker, "Exponential Backoff and Jitter"), so that
 * callers that collided do not collide again.
 */
import { sleep } from './abort.ts'

const firstPause = 10
const longestPause = 1000

/** Waits a random time between 0 and 10 ms · 2^attempt, at most 1 s. Rejects with the signal's reason. */
export function pause(attempt: number, signal: AbortSignal | undefined): Promise<void> {
  return sleep(Math.random() * Math.min(longestPause, firstPause * 2 ** attempt), signal)
}
