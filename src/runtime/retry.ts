/**
 * The pause before a retry: exponential backoff with jitter (Brooker, "Exponential Backoff and Jitter"), so that callers
 * that collided do not collide again.
 */
import { sleep } from './abort.ts'

const firstPause = 10
const longestPause = 1000
const longestLockPause = 250

/** Waits a random time between 0 and 10 ms · 2^attempt, at most 1 s. Rejects with the signal's reason. */
export function pause(attempt: number, signal: AbortSignal | undefined): Promise<void> {
  return sleep(Math.random() * Math.min(longestPause, firstPause * 2 ** attempt), signal)
}

/**
 * Returns the pause before a retry for a lock that another transaction holds, in milliseconds: between half of
 * 10 ms · 2^attempt and all of it, at most 250 ms. Never zero, because each retry takes a connection.
 */
export function lockPause(attempt: number): number {
  return Math.min(longestLockPause, firstPause * 2 ** attempt) * (0.5 + Math.random() / 2)
}
