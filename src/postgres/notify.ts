/**
 * Notifies other processes of new events with LISTEN and NOTIFY. A notification is only a hint: it ends a
 * subscription's pause before its next poll, and may be lost without harm.
 *
 * The store sends it after the commit, in a separate statement. Inside the transactions of appends, notifications would
 * make their commits wait for each other, because Postgres queues notifications in the order of the commits.
 */

import { createHash } from 'node:crypto'
import { abortable, type Notifications, pause, uuidv7 } from '../storage/index.ts'
import type { RetryingDatabase, Runner } from './runner.ts'
import type { Statements } from './statements.ts'

// At most 50 notifications a second from one store, because each one wakes every listener.
const minIntervalMilliseconds = 20

/** Makes the notifications of a store: sends and hears them on a channel that belongs to the schema. */
export function notifications(
  database: RetryingDatabase,
  runner: Runner,
  { notify }: Pick<Statements, 'notify'>,
  schema: string,
): Notifications {
  // The channel contains a hash of the schema's name: the name itself could exceed the length limit of identifiers.
  const channel = `eventsourced_${createHash('sha256').update(schema).digest('hex').slice(0, 16)}`
  const self = uuidv7()
  let isScheduled = false
  let isSending = false
  let isWanted = false
  let lastSent = Number.NEGATIVE_INFINITY

  function schedule(): void {
    isScheduled = true
    // `unref`: a pending notification does not keep the process alive.
    setTimeout(send, Math.max(0, lastSent + minIntervalMilliseconds - performance.now())).unref()
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

  async function listenUntil(signal: AbortSignal, wake: () => void): Promise<void> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      const opening = database.listen(channel, (payload) => {
        if (payload !== self) wake()
      })
      try {
        const listener = await abortable(opening, signal)
        if (listener === undefined) return
        attempt = 1
        // Notifications may have been lost while no connection listened.
        wake()
        await abortable(listener.ended, signal)
      } catch {
        // The loop retries, or ends if the signal was aborted.
      } finally {
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
