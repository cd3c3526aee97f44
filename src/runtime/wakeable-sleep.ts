/** A sleep that others can end early. Between two sleeps it keeps nothing of the last one. */
import type { Clock } from './clock.ts'

export class WakeableSleep {
  readonly #clock: Clock
  #woken: AbortController | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves after the time, or at a call of `wake`. Never rejects. There is one sleep at a time. */
  async sleep(milliseconds: number): Promise<void> {
    this.#woken = new AbortController()
    await this.#clock.sleep(milliseconds, this.#woken.signal).catch(() => {})
    this.#woken = undefined
  }

  /** Ends the present sleep. Without one, it does nothing. */
  wake(): void {
    this.#woken?.abort()
  }
}
