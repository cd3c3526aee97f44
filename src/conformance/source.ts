/** Makes sources for imports. */
import type { ImportedEvent } from '../imported-event.ts'
import { uuidv7 } from '../uuid.ts'
import { counted } from './events.ts'

const start = Date.UTC(2019, 5, 1)
/** The time of the event at this index of a source. */
export const timeAt = (index: number): Date => new Date(start + index * 1000)

/** Returns `count` counted events with ids, spread over several streams, one second apart. */
export function sourceOf(count: number, streams = 7): ImportedEvent[] {
  return counted(count).map((event, index) => ({
    ...event,
    id: uuidv7(),
    streamId: `s-${(index * 3) % streams}`,
    recordedAt: timeAt(index),
  }))
}

/** Yields the items one by one, with a pause before each. */
export async function* slowly<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) {
    await new Promise(setImmediate)
    yield item
  }
}
