/**
 * An order system: an inline stock that is always exact, an async search view, and mails that are sent once. Its catalogue
 * reads the orders of an earlier release as those of today.
 */
import { commandHandler, defineEvents, memoryStore, mergeEvents, payload } from '@eventsourced/core'

const orders = defineEvents(
  {
    OrderPlaced: payload<{ customer: string; item: string; quantity: number; express: boolean }>(),
    OrderShipped: payload<{ carrier: string }>(),
    OrderCancelled: payload<{ item: string; quantity: number }>(),
  },
  {
    // The first release knew no express orders, and it said 'sent' for shipped.
    upcasts: {
      OrderPlaced: {
        1: (old: { customer: string; item: string; quantity: number }) => ({ ...old, express: false }),
      },
      OrderSent: 'OrderShipped',
    },
  },
)
const warehouse = defineEvents({ GoodsReceived: payload<{ item: string; quantity: number }>() })
const shop = mergeEvents(orders, warehouse)

type Order = { customer: string; item: string; quantity: number; express?: boolean }

const order = orders.decider({
  initialState: () => ({ status: 'new', item: '', quantity: 0 }),
  decide(command: { place: Order } | 'ship' | 'cancel', { status, item, quantity }) {
    if (typeof command === 'object') {
      if (status !== 'new') throw new Error('This order was placed already')
      return { type: 'OrderPlaced', data: { express: false, ...command.place } }
    }
    if (status !== 'placed') throw new Error(`This order is ${status}`)
    if (command === 'ship') return { type: 'OrderShipped', data: { carrier: 'Snail' } }
    return { type: 'OrderCancelled', data: { item, quantity } }
  },
  evolve(state, { type, data }) {
    switch (type) {
      case 'OrderPlaced':
        return { status: 'placed', item: data.item, quantity: data.quantity }
      case 'OrderShipped':
        return { ...state, status: 'shipped' }
      case 'OrderCancelled':
        return { ...state, status: 'cancelled' }
    }
  },
})

// Inline: the stock changes in the transaction of the event. An order for more than is available is rolled back.
const stock = shop.pick('GoodsReceived', 'OrderPlaced', 'OrderCancelled').projection({
  name: 'stock',
  key: ({ data }) => data.item,
  initialState: () => ({ available: 0 }),
  evolve({ available }, { type, data }) {
    if (type !== 'OrderPlaced') return { available: available + data.quantity }
    if (available < data.quantity) throw new Error(`There are only ${available} of ${data.item}`)
    return { available: available - data.quantity }
  },
})

// Async: the projection follows the log, a moment behind the appends.
const search = orders.projection({
  name: 'search',
  key: ({ streamId }) => streamId,
  initialState: () => ({ customer: '', item: '', status: 'placed' }),
  evolve(state, { type, data }) {
    switch (type) {
      case 'OrderPlaced':
        return { ...state, customer: data.customer, item: data.item }
      case 'OrderShipped':
        return { ...state, status: `shipped with ${data.carrier}` }
      case 'OrderCancelled':
        return null
    }
  },
})

// The mail service accepts each idempotency key once. So a repeated call, for example after a crash, sends nothing.
const sent = new Map<string, string>()
async function sendMail(idempotencyKey: string, text: string): Promise<void> {
  if (!sent.has(idempotencyKey)) sent.set(idempotencyKey, text)
}

const mails = orders.pick('OrderShipped').subscription({
  name: 'mailer',
  handle: ({ id, streamId, data }) => sendMail(id, `${streamId} is on its way with ${data.carrier}`),
  onError: { retries: 5, action: 'park' },
})

// This line moves it to Postgres: postgresStore('postgres://user@host/database', { events: shop, inline: [stock] })
const store = memoryStore({ events: shop, inline: [stock] })

// What the first release has stored.
const past = [
  { streamId: 'warehouse', type: 'GoodsReceived', data: { item: 'blanket', quantity: 1 } },
  { streamId: 'order-0', type: 'OrderPlaced', data: { customer: 'Mary', item: 'blanket', quantity: 1 } },
  { streamId: 'order-0', type: 'OrderSent', data: { carrier: 'Tortoise' } },
]
await store.import(past, { name: 'first release', shape: 'stored' })

const searching = store.subscribe({ projection: search })
const mailer = store.subscribe(mails)

// With snapshots, a process that starts reads only the last events of a long order.
const handle = commandHandler({ store, decider: order, snapshot: { name: 'order', version: 1 } })
await store.append('warehouse', [{ type: 'GoodsReceived', data: { item: 'blanket', quantity: 3 } }])
await handle('order-1', { place: { customer: 'Ada', item: 'blanket', quantity: 2 } })
const { position } = await handle('order-1', 'ship')
await handle('order-2', { place: { customer: 'Grace', item: 'blanket', quantity: 2 } }).catch(
  (error: Error) => console.log('order-2 was refused:', error.message),
)
await handle('order-3', { place: { customer: 'Grace', item: 'blanket', quantity: 1 } })
await handle('order-3', 'cancel')

console.log('stock:', (await store.view(stock).get('blanket'))?.state)
// Waits until the view has handled the event at this position, so that the reader sees its own write.
console.log('search:', (await store.view(search).get('order-1', { atLeast: position }))?.state)
await Promise.all([searching.caughtUp(), mailer.caughtUp()])
for await (const { key, state } of store.view(search).list({ prefix: 'order-' })) console.log(key, state)
console.log('mails:', [...sent.values()])

// `verify` rebuilds the documents aside, and compares them with the present ones.
console.log('verified:', (await store.verify(stock)).ok, (await store.verify(search)).ok)
await store.close()
