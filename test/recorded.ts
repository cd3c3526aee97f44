/** Events as a store returns them, for tests without a store. */
import type { Event, RecordedEvent } from '@eventsourced/core'

/** Returns the events of a stream 's', from version 1 on. */
export function recorded<E extends Event>(...events: E[]): RecordedEvent<E>[] {
  return events.map((event, index) => ({
    ...{ id: `${index}`, streamId: 's', version: index + 1, position: index + 1 },
    ...{ recordedAt: new Date(), metadata: {}, tags: [] },
    ...event,
  }))
}
