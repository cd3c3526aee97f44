/** Waiting before another try: exponential backoff with full jitter, so that rivals do not meet again. */
import { sleep } from './abort.ts'

const firstPause = 10
const longestPause = 1000

/** Waits between nothing and 10 ms · 2^attempt, at most a second. */
export function pause(attempt: number, signal: AbortSignal | undefined): Promise<void> {
  return sleep(Math.random() * Math.min(longestPause, firstPause * 2 ** attempt), signal)
}
