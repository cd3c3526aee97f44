/** One fact of each kind, and a store with everything that health knows: together they make every metric. */

import type { EventStore } from '@eventsourced/core'
import { memoryStore } from '@eventsourced/core'
import { counted } from '../../src/conformance/events.ts'
import type { Metric } from '../../src/observe/metric.ts'

const incident = { table: '', key: 'appending', reason: 'the connection was lost', attempt: 1 }

export const everyFact: readonly Metric[] = [
  { kind: 'append', events: 3, streams: 1, duration: 4, outcome: 'appended' },
  { kind: 'append', events: 2, streams: 1, duration: 2, outcome: 'conflict' },
  { kind: 'commit', appends: 5, duration: 3 },
  { kind: 'read', events: 10, duration: 700, outcome: 'read' },
  { kind: 'command', attempts: 3, duration: 12, outcome: 'handled' },
  { kind: 'handle', subscription: 'mailer', events: 7, attempt: 1, duration: 20_000, outcome: 'handled' },
  { kind: 'handle', subscription: 'mailer', events: 1, attempt: 2, duration: 5, outcome: 'failed' },
  { kind: 'park', subscription: 'mailer', position: 12 },
  { kind: 'lag', subscription: 'mailer', lag: 40, lagTime: 2_500 },
  ...(['retry', 'throttle', 'conflict', 'credentials', 'seal', 'late'] as const).map((kind) => ({
    ...incident,
    kind,
  })),
  { kind: 'capacity', table: 'shop_log', key: 'C', command: 'UpdateItem', readUnits: 0, writeUnits: 1.5 },
  { kind: 'capacity', table: 'shop_log', key: 'C', command: 'GetItem', readUnits: 0.5, writeUnits: 0 },
]

/** A store with an event and a subscription. */
export async function storeWithSubscription(name = 'mailer'): Promise<EventStore> {
  const store = memoryStore()
  await store.append('a', counted(1))
  await store.runOnce({ name, handle: () => {} })
  return store
}
