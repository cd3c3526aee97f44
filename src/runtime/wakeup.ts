/**
 * A sleep that ends early when there are new events: events of this process, or of another process if the storage
 * carries notifications between processes.
 */

import type { Notifications } from '../storage/storage.ts'
import { abortable } from './abort.ts'

export class Wakeup {
  readonly #notifications: Notifications | undefined
  readonly #sleepers = new Set<() => void>()
  #stopListening: (() => Promise<void>) | undefined
  #isClosed = false
  /**
   * How many times `wake` was called. Read it before you read the log, and pass it to `wait`: then a wake-up between
   * the two is not lost.
   */
  count = 0

  constructor(notifications?: Notifications) {
    this.#notifications = notifications
  }

  /** Call it after this process has appended events: it wakes all waiting callers and notifies other processes. */
  appended(): void {
    this.wake()
    this.#notifications?.appended()
  }

  /** Wakes all callers that wait now. */
  wake(): void {
    this.count++
    for (const wake of this.#sleepers) wake()
  }

  /**
   * Resolves once `wake` was called after `count` had the value `since`, or after `milliseconds` at the latest. Rejects
   * with the signal's reason.
   */
  async wait(milliseconds: number, since: number, signal: AbortSignal | undefined): Promise<void> {
    // The connection that listens to other processes opens with the first wait.
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

  /** Stops listening to other processes. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#stopListening?.()
  }
}
