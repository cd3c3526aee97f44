/** Reads one event by its position. */
import { hasCode, type RecordedEvent } from '@eventsourced/core'
import type { AnyStore } from './target/known.ts'

interface Reader {
  readonly store: AnyStore
  readonly signal: AbortSignal
}

/** Returns the event as it is read today; `undefined` if no event has the position, also beyond the end of the log. */
export function eventAt({ store, signal }: Reader, position: number): Promise<RecordedEvent | undefined> {
  return firstAt(store, signal, position)
}

/** Returns the event as it is stored; `undefined` as above. */
export function storedEventAt(
  { store, signal }: Reader,
  position: number,
): Promise<RecordedEvent | undefined> {
  return firstAt(store.raw, signal, position)
}

async function firstAt(
  events: Pick<AnyStore['raw'], 'readAll'>,
  signal: AbortSignal,
  position: number,
): Promise<RecordedEvent | undefined> {
  try {
    const range = { after: position - 1, until: position, limit: 1, signal }
    for await (const event of events.readAll(range)) return event
  } catch (error) {
    if (!hasCode(error, 'log-truncated')) throw error
  }
  return undefined
}
