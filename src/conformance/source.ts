/** Sources to import from. */
import type { ImportedEvent } from '../imported-event.ts'
import { uuidv7 } from '../uuid.ts'
import { counted } from './events.ts'

const start = Date.UTC(2019, 5, 1)
export const timeAt = (index: number): Date => new Date(start + index * 1000)

/** Events that count, over several streams, a second apart, with ids. */
export function sourceOf(count: number, streams = 7): ImportedEvent[] {
  return counted(count).map((event, index) => ({
    ...event,
    id: uuidv7(),
    streamId: `s-${(index * 3) % streams}`,
    recordedAt: timeAt(index),
  }))
}

/** The same as it arrives piece by piece. */
export async function* slowly<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) {
    await new Promise(setImmediate)
    yield item
  }
}
