/** Reads one event, as it is stored, by its position or its id. */
import { hasCode, type RecordedEvent } from '@eventsourced/core'
import type { CommandContext } from './context.ts'
import type { EventPlace } from './values.ts'

/** Returns `undefined` if no event is there, also beyond the end of the log. */
export async function eventAt(
  { store, signal }: Pick<CommandContext, 'store' | 'signal'>,
  place: EventPlace,
): Promise<RecordedEvent | undefined> {
  if (typeof place === 'string') return store.raw.findEvent(place, { signal })
  try {
    const range = { after: place - 1, until: place, limit: 1, signal }
    for await (const event of store.raw.readAll(range)) return event
  } catch (error) {
    if (!hasCode(error, 'log-truncated')) throw error
  }
  return undefined
}

/** Says that no event is there. */
export const noEventAt = (place: EventPlace): string =>
  typeof place === 'number' ? `No event has the position ${place}` : `No event has the id ${place}`
