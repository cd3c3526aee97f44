/** A token bucket: limits the average rate of an action, and lets short bursts through. */
import type { Rate } from '../storage/pace.ts'
import type { Clock } from './clock.ts'

export class Budget {
  readonly #clock: Clock
  readonly #rate: Rate
  /** The tokens that were left at `#at`. Below 0 after a call has spent more than there were. */
  #left: number
  #at: number

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock
    this.#rate = rate
    this.#left = rate.burst
    this.#at = clock.now()
  }

  /** The time until the next token is there, in milliseconds; 0 if there is one now. */
  get timeLeft(): number {
    this.#earn()
    return this.#left >= 1 ? 0 : ((1 - this.#left) * 1_000) / this.#rate.perSecond
  }

  /** Takes `count` tokens, even if fewer are left. */
  spend(count: number): void {
    this.#earn()
    this.#left -= count
  }

  #earn(): void {
    const now = this.#clock.now()
    const earned = ((now - this.#at) * this.#rate.perSecond) / 1_000
    this.#at = now
    // Without a limit, `earned` is not a number while no time has passed.
    if (earned > 0) this.#left = Math.min(this.#rate.burst, this.#left + earned)
  }
}
