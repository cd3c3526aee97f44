/** Lets readers that wait for new events sleep until this process appends some, or a time has passed. */
import { abortable } from './abort.ts'

export class Wakeup {
  readonly #sleepers = new Set<() => void>()
  /** How often everyone was woken: note it before looking, so that no wake-up falls between look and sleep. */
  count = 0

  /** Wakes everyone who waits now. */
  wake(): void {
    this.count++
    for (const wake of this.#sleepers) wake()
  }

  /** Resolves once there was a `wake` after the noted count, or after so many milliseconds at the latest. */
  async wait(milliseconds: number, since: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.count !== since) return
    let wake = () => {}
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    this.#sleepers.add(wake)
    const timer = setTimeout(wake, milliseconds)
    try {
      await abortable(woken, signal)
    } finally {
      clearTimeout(timer)
      this.#sleepers.delete(wake)
    }
  }
}
