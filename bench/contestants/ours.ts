/** This library, with its defaults. */
import { commandHandler, decider, projection, type RecordedEvent } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import type { BenchStoreKind } from './event-store.ts'
import { type OrderEvent, orderEvent } from './order-events.ts'

const order = decider({
  initialState: () => ({ lines: 0, total: 0 }),
  decide: (_command: 'addLine', { lines }): OrderEvent => orderEvent(lines + 1),
  evolve: ({ lines, total }, { data }) => ({
    lines: lines + 1,
    total: total + data.quantity * data.unitPrice,
  }),
})

/** A projection with one document for each order. */
const orderDocuments = (name: string) =>
  projection({
    name,
    key: ({ streamId }: RecordedEvent<OrderEvent>) => streamId,
    initialState: order.initialState,
    evolve: order.evolve,
  })

export const ours: BenchStoreKind = {
  name: 'eventsourced',
  countEvents: 'select count(*) from eventsourced.events',
  countDocuments: 'select count(*) from eventsourced.views',
  checkpointOf: (name) =>
    `select coalesce(min(position), 0) as count from eventsourced.checkpoints join eventsourced.subscriptions using (place) where name = '${name}'`,
  async open(url, { inline = false } = {}) {
    const store = postgresStore(url, { inline: inline ? [orderDocuments('orders')] : [] })
    await store.schema.create()
    return {
      appendNew: (streamId, events) => store.append(streamId, events, { expectedVersion: 'noStream' }),
      appendAny: (streamId, events) => store.append(streamId, events),
      read: async (streamId) => (await store.readStream(streamId)).events.length,
      commandHandler({ cachedStreams }) {
        const options = { store, decider: order, ...(cachedStreams > 0 && { cacheSize: cachedStreams }) }
        const handle = commandHandler(options)
        return (streamId) => handle(streamId, 'addLine')
      },
      consume: async (name, handle) => store.subscribe({ name, handle }),
      project: async (name) => store.subscribe({ projection: orderDocuments(name) }),
      close: () => store.close(),
    }
  },
}
