/** Sleep that ends early when it is said that there are new events: in this process, or by another if it can be told. */

import type { Notifications } from '../storage/storage.ts'
import { abortable } from './abort.ts'

export class Wakeup {
  readonly #notifications: Notifications | undefined
  readonly #sleepers = new Set<() => void>()
  #stopListening: (() => Promise<void>) | undefined
  #isClosed = false
  /** How often everyone was woken: note it before looking, so that no wake-up falls between look and sleep. */
  count = 0

  constructor(notifications?: Notifications) {
    this.#notifications = notifications
  }

  /** Events were appended here: wakes everyone who waits, and has other processes told. */
  appended(): void {
    this.wake()
    this.#notifications?.appended()
  }

  /** Wakes everyone who waits now. */
  wake(): void {
    this.count++
    for (const wake of this.#sleepers) wake()
  }

  /** Resolves once there was a `wake` after the noted count, or after so many milliseconds at the latest. */
  async wait(milliseconds: number, since: number, signal: AbortSignal | undefined): Promise<void> {
    // Others are listened to once somebody waits.
    if (!this.#isClosed) this.#stopListening ??= this.#notifications?.listen(() => this.wake())
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

  /** Listens to others no longer. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#stopListening?.()
  }
}
