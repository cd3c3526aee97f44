/** Time as an interface, so that tests can run timers in every order. */
import { sleep } from './abort.ts'

export interface Clock {
  /** Milliseconds of a monotonic clock: it never goes back. */
  now(): number
  /** Resolves after `milliseconds`, or rejects with the signal's reason. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>
}

/** The clock of the process. */
export const systemClock: Clock = { now: () => performance.now(), sleep }
