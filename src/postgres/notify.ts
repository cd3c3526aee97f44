/**
 * Notifies other processes of new events with LISTEN and NOTIFY. A notification is only a hint: it ends a
 * subscription's pause before its next poll, and may be lost without harm.
 *
 * The store sends it after the commit, in a separate statement. Inside the transactions of appends, notifications would
 * make their commits wait for each other, because Postgres queues notifications in the order of the commits.
 */

import { createHash } from 'node:crypto'
import {
  abortable,
  emitWarning,
  type Notifications,
  pause,
  type StoreWarning,
  sleep,
  uuidv7,
} from '../storage/index.ts'
import type { RetryingDatabase, Runner } from './runner.ts'
import type { Statements } from './statements.ts'

// At most 50 notifications a second from one store, because each one wakes every listener.
const minIntervalMilliseconds = 20

// A notification arrives within milliseconds, or never.
const maxDelayMilliseconds = 10_000

const notHeard: StoreWarning = {
  code: 'notifications-not-heard',
  message:
    'No notification arrives, as behind a pooler in transaction mode: subscriptions find the events of other processes by polling. Connect without the pooler, or leave out `notify`',
}

/**
 * Makes the notifications of a store: sends and receives them on a channel that belongs to the schema. `onWarning`:
 * called once if the store does not receive its own first notification. That happens behind a pooler in transaction
 * mode: `listen` succeeds there, but the pooler then lets other clients use that connection.
 */
export function notifications(
  database: RetryingDatabase,
  runner: Runner,
  { notify }: Pick<Statements, 'notify'>,
  schema: string,
  onWarning: (warning: StoreWarning) => unknown,
): Notifications {
  // The channel contains a hash of the schema's name: the name itself could exceed the length limit of identifiers.
  const channel = `eventsourced_${createHash('sha256').update(schema).digest('hex').slice(0, 16)}`
  const self = uuidv7()
  let isScheduled = false
  let isSending = false
  let isWanted = false
  let lastSent = Number.NEGATIVE_INFINITY
  let isHeardOrWarned = false

  function schedule(): void {
    isScheduled = true
    // `unref`: a pending notification does not keep the process alive. On Cloudflare, a timer may be a number.
    setTimeout(send, Math.max(0, lastSent + minIntervalMilliseconds - performance.now())).unref?.()
  }

  async function send(): Promise<void> {
    isScheduled = false
    isSending = true
    isWanted = false
    lastSent = performance.now()
    await runner.run('Notifying', notify, () => [channel, self]).catch(() => {})
    isSending = false
    if (isWanted) schedule()
  }

  /**
   * Sends a notification for the listener of this store, and warns if it does not arrive. Returns the function that
   * stops waiting for it.
   */
  function expectOwn(): () => void {
    const waiting = new AbortController()
    const { signal } = waiting
    async function warnIfNotHeard(): Promise<void> {
      await runner.run('Notifying', notify, () => [channel, self], signal)
      await sleep(maxDelayMilliseconds, signal)
      if (isHeardOrWarned) return
      isHeardOrWarned = true
      // No call would report an error of `onWarning`, so that the warning would be lost.
      await Promise.resolve(notHeard)
        .then(onWarning)
        .catch(() => emitWarning(notHeard))
    }
    if (!isHeardOrWarned) warnIfNotHeard().catch(() => {})
    return () => waiting.abort()
  }

  async function listenUntil(signal: AbortSignal, wake: () => void): Promise<void> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      const opening = database.listen(channel, (payload) => {
        isHeardOrWarned = true
        if (payload !== self) wake()
      })
      let stopExpecting = () => {}
      try {
        const listener = await abortable(opening, signal)
        if (listener === undefined) return
        attempt = 1
        // Notifications may have been lost while no connection listened.
        wake()
        stopExpecting = expectOwn()
        await abortable(listener.ended, signal)
      } catch {
        // The loop retries, or ends if the signal was aborted.
      } finally {
        stopExpecting()
        const closing = opening.then((listener) => listener?.close())
        await abortable(closing, signal).catch(() => {})
      }
      await pause(attempt, signal).catch(() => {})
    }
  }

  return {
    appended() {
      isWanted = true
      if (!isScheduled && !isSending) schedule()
    },
    listen(wake) {
      const closing = new AbortController()
      const listening = listenUntil(closing.signal, wake)
      return async () => {
        closing.abort()
        await listening
      }
    },
  }
}
