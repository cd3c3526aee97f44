/**
 * Telling other processes that there are new events (LISTEN and NOTIFY): a hint that ends the pause before their next
 * look at the log, and may be lost without harm. Sent after the commit, in a statement of its own: within an append it
 * would make all commits of the database wait for one another, since Postgres queues notifications in their order.
 */

import { createHash } from 'node:crypto'
import { abortable, type Notifications, pause, uuidv7 } from '../storage/index.ts'
import type { RetryingDatabase, Runner } from './runner.ts'
import type { Statements } from './statements.ts'

// At most fifty hints a second: each one wakes up every listener.
const shortestInterval = 20

export function notifying(
  database: RetryingDatabase,
  runner: Runner,
  { notify }: Pick<Statements, 'notify'>,
  schema: string,
): Notifications {
  // A hash, because a channel with the schema's name in it could be longer than names may be.
  const channel = `eventsourced_${createHash('sha256').update(schema).digest('hex').slice(0, 16)}`
  const self = uuidv7()
  let isScheduled = false
  let isSending = false
  let isWanted = false
  let lastSent = Number.NEGATIVE_INFINITY

  function schedule(): void {
    isScheduled = true
    // A process that has nothing else to do need not wait for it.
    setTimeout(send, Math.max(0, lastSent + shortestInterval - performance.now())).unref()
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
        // Somebody may have notified while nobody listened.
        wake()
        await abortable(listener.ended, signal)
      } catch {
        // It is tried again, or over.
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
