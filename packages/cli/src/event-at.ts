/** Reads one event by its position. */
import { hasCode, type RecordedEvent } from '@eventsourced/core'
import type { CommandContext } from './context.ts'

/** Returns `undefined` if no event has the position, also beyond the end of the log. */
export async function eventAt(
  { store, signal }: CommandContext,
  position: number,
): Promise<RecordedEvent | undefined> {
  try {
    const range = { after: position - 1, until: position, limit: 1, signal }
    for await (const event of store.readAll(range)) return event
  } catch (error) {
    if (!hasCode(error, 'log-truncated')) throw error
  }
  return undefined
}
