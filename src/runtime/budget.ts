/** Limits how often something happens, and lets short bursts through: a token bucket. */
import type { Rate } from '../storage/pace.ts'
import type { Clock } from './clock.ts'

export class Budget {
  readonly #clock: Clock
  readonly #rate: Rate
  /** How much may be spent at once, at `#at`. Below 0 after more was spent than there was. */
  #left: number
  #at: number

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock
    this.#rate = rate
    this.#left = rate.burst
    this.#at = clock.now()
  }

  /** In how many milliseconds something may happen again; 0 if it may happen now. */
  get timeLeft(): number {
    this.#earn()
    return this.#left >= 1 ? 0 : ((1 - this.#left) * 1_000) / this.#rate.perSecond
  }

  /** Notes that something has happened `count` times. */
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
