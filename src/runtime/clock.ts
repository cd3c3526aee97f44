/** Time, for code whose waiting is tested in every order. */
import { sleep } from './abort.ts'

export interface Clock {
  /** Milliseconds that only go forward. */
  now(): number
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = { now: () => performance.now(), sleep }
