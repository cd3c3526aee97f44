/** The types that the compiler infers from a catalogue, and the mistakes that it reports. `tsc` checks this file; it never runs. */
import {
  type Catalogue,
  type CommandHandler,
  commandHandler,
  type Decider,
  type DocumentProjection,
  decider,
  defineEvents,
  type Event,
  type EventStore,
  type EventsOf,
  foldStream,
  type HandlerTransaction,
  inPlace,
  memoryStore,
  mergeEvents,
  payload,
  projection,
  type RawProjection,
  type RecordedEvent,
  type StoredEvent,
} from '@eventsourced/core'
import { type DynamodbStore, dynamodbStore } from '@eventsourced/core/dynamodb'
import { type PostgresStore, postgresStore, type SqlTransaction } from '@eventsourced/core/postgres'
import { given } from '@eventsourced/core/testing'
import { type } from 'arktype'
import * as v from 'valibot'
import * as z from 'zod'
import type { KeptAsJson } from '../../src/catalogue/json-type.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_Claim extends true>() => {}

// Each schema library, and types without a schema. `type` discriminates the union of the events.

const orders = defineEvents(
  {
    OrderPlaced: z.object({
      customer: z.string(),
      items: z.array(z.object({ sku: z.string(), count: z.number() })).min(1),
      total: z.object({ amount: z.number(), currency: z.enum(['EUR', 'USD']) }),
    }),
    OrderPaid: v.object({ amount: v.number(), method: v.picklist(['card', 'invoice']) }),
    OrderShipped: type({ parcel: 'string', 'weight?': 'number' }),
    OrderCancelled: payload<{ reason: string }>(),
  },
  {
    upcasts: {
      OrderPlaced: {
        1: ({ customer, sku, total }: { customer: string; sku: string; total: number }) => ({
          customer,
          items: [{ sku, count: 1 }],
          total,
        }),
        2: (old: { customer: string; items: { sku: string; count: number }[]; total: number }) => ({
          ...old,
          total: { amount: old.total, currency: 'EUR' },
        }),
      },
      OrderAborted: 'OrderCancelled',
      OrderViewed: {},
    },
    writeAs: {
      OrderCancelled: 'OrderAborted',
      OrderPlaced: { 2: (now) => ({ ...now, total: now.total.amount }) },
    },
  },
)
type Placed = {
  customer: string
  items: { sku: string; count: number }[]
  total: { amount: number; currency: 'EUR' | 'USD' }
}
type OrderEvent =
  | Event<'OrderPlaced', Placed>
  | Event<'OrderPaid', { amount: number; method: 'card' | 'invoice' }>
  | Event<'OrderShipped', { parcel: string; weight?: number }>
  | Event<'OrderCancelled', { reason: string }>
holds<Equal<EventsOf<typeof orders>, OrderEvent>>()

type Moved = { sku: string; from: string; to: string }
const stock = defineEvents(
  {
    StockAdded: payload<{ sku: string; place: string }>(),
    StockRemoved: payload<{ sku: string; place: string }>(),
  },
  {
    upcasts: {
      StockMoved: {
        StockRemoved: ({ sku, from }: Moved) => ({ sku, place: from }),
        StockAdded: ({ sku, to }: Moved) => ({ sku, place: to }),
      },
    },
    unknown: 'skip',
  },
)
type StockEvent = EventsOf<typeof stock>
const shop = mergeEvents(orders, stock)
type ShopEvent = EventsOf<typeof shop>
holds<Equal<ShopEvent, OrderEvent | StockEvent>>()
const anyCatalogue: Catalogue = shop
export const { types, unknown } = anyCatalogue

// Deciders: the user annotates the state and the command, nothing else.

type Order =
  | { status: 'new' }
  | { status: 'placed' | 'paid' | 'shipped' | 'cancelled'; customer: string; parcels: string[] }
type OrderCommand = { kind: 'place'; customer: string } | { kind: 'ship' } | { kind: 'cancel' }

const order = orders.decider({
  initialState: (): Order => ({ status: 'new' }),
  decide(command: OrderCommand, state) {
    holds<Equal<typeof state, Order>>()
    if (command.kind === 'place') {
      const { customer } = command
      const items = [{ sku: 'a', count: 1 }]
      return { type: 'OrderPlaced', data: { customer, items, total: { amount: 1, currency: 'EUR' } } }
    }
    if (state.status === 'new') throw new Error('There is no order')
    if (command.kind === 'ship') return { type: 'OrderShipped', data: { parcel: `${state.customer}-1` } }
    return [{ type: 'OrderCancelled', data: { reason: 'none' } }]
  },
  evolve(state, event) {
    holds<Equal<typeof state, Order>>()
    const { type, data } = event
    if (type === 'OrderPlaced') return { status: 'placed', customer: data.customer, parcels: [] }
    if (state.status === 'new') return state
    switch (type) {
      case 'OrderPaid':
        holds<Equal<typeof data.method, 'card' | 'invoice'>>()
        return { ...state, status: 'paid' }
      case 'OrderShipped':
        holds<Equal<typeof event.recordedAt, Date>>()
        return { ...state, status: 'shipped', parcels: [...state.parcels, data.parcel] }
      case 'OrderCancelled':
        return { ...state, status: 'cancelled' }
    }
  },
})
holds<Equal<typeof order, Decider<Order, OrderCommand, OrderEvent>>>()

// `decide` may be asynchronous, and may decide nothing.
orders.decider({
  initialState: () => 0,
  async decide(command: { pay: number }) {
    return command.pay === 0
      ? undefined
      : { type: 'OrderPaid', data: { amount: command.pay, method: 'card' } }
  },
  evolve: (count) => count + 1,
})

// One function for each command, and one for each event.
const byName = orders.decider({
  initialState: (): Order => ({ status: 'new' }),
  commands: {
    place({ customer }: { customer: string }, state) {
      holds<Equal<typeof state, Order>>()
      const items = [{ sku: 'a', count: 1 }]
      return { type: 'OrderPlaced', data: { customer, items, total: { amount: 1, currency: 'EUR' } } }
    },
    ship: (_data: undefined, state) =>
      state.status === 'paid' ? { type: 'OrderShipped', data: { parcel: state.customer } } : undefined,
    cancel: (reason: string) => [{ type: 'OrderCancelled', data: { reason } }],
  },
  evolve: {
    OrderPlaced: (_state, { customer }) => ({ status: 'placed', customer, parcels: [] }),
    OrderPaid: (state) => (state.status === 'new' ? state : { ...state, status: 'paid' }),
    OrderShipped(state, { parcel, weight }, event) {
      holds<Equal<typeof parcel, string>>()
      holds<Equal<typeof weight, number | undefined>>()
      holds<Equal<typeof event.type, 'OrderShipped'>>()
      holds<Equal<typeof event.version, number>>()
      return state
    },
    OrderCancelled: (state) => state,
  },
})
type NamedCommand =
  | { readonly type: 'place'; readonly data: { customer: string } }
  | { readonly type: 'ship'; readonly data?: undefined }
  | { readonly type: 'cancel'; readonly data: string }
holds<Equal<typeof byName, Decider<Order, NamedCommand, OrderEvent>>>()

// A part of the events.
const parcels = orders.pick('OrderShipped').decider({
  initialState: () => 0,
  decide: (parcel: string) => ({ type: 'OrderShipped', data: { parcel } }),
  evolve: (count, { data }) => count + data.parcel.length,
})
holds<Equal<Parameters<typeof parcels.decide>[0], string>>()

// Without a catalogue, `evolve` keeps literals too, and `initialState` may have wide types.
const plain = decider({
  initialState: (): Order => ({ status: 'new' }),
  decide: (_command: OrderCommand): OrderEvent | undefined => undefined,
  evolve: (state, { type }) =>
    state.status === 'new' ? state : { ...state, status: type === 'OrderPaid' ? 'paid' : 'shipped' },
})
holds<Equal<typeof plain, Decider<Order, OrderCommand, OrderEvent>>>()
const wide = decider({
  initialState: () => ({ status: 'new', open: true, count: 0 }),
  decide: (_command: OrderCommand): OrderEvent | undefined => undefined,
  evolve: (state) => ({ ...state, status: 'paid', open: false, count: 1 }),
})
type Wide = { status: string; open: boolean; count: number }
holds<Equal<typeof wide, Decider<Wide, OrderCommand, OrderEvent>>>()

// Folding in place: one function, or one for each event.
const shelf = stock.decider({
  initialState: () => ({ places: {} as Record<string, string> }),
  decide: (sku: string, { places }) =>
    places[sku] === undefined ? { type: 'StockAdded', data: { sku, place: 'a' } } : undefined,
  evolve: inPlace((state, { type, data }) => {
    if (type === 'StockAdded') state.places[data.sku] = data.place
    else delete state.places[data.sku]
  }),
})
holds<Equal<typeof shelf, Decider<{ places: Record<string, string> }, string, StockEvent>>>()
stock.decider({
  initialState: () => ({ places: {} as Record<string, string> }),
  decide: (_sku: string) => undefined,
  evolve: {
    StockAdded: inPlace((state, { sku, place }) => {
      state.places[sku] = place
    }),
    StockRemoved: inPlace(() => {}),
  },
})
stock.decider({
  initialState: () => ({ places: {} as Record<string, string> }),
  decide: (_sku: string) => undefined,
  // @ts-expect-error the new state would be lost
  evolve: inPlace((state) => ({ ...state })),
})

// Projections and subscriptions.

const places = stock.pick('StockAdded').projection({
  name: 'places',
  key: ({ data }) => data.sku,
  initialState: (): { place: string; status: 'empty' | 'full' } => ({ place: '', status: 'empty' }),
  evolve(_state, { type, data: { place } }) {
    holds<Equal<typeof type, 'StockAdded'>>()
    return { place: `${type} ${place}`, status: 'full' }
  },
})
type Place = { place: string; status: 'empty' | 'full' }
holds<Equal<typeof places, DocumentProjection<Place, Event<'StockAdded', { sku: string; place: string }>>>>()
export const counts = stock.projection({
  name: 'counts',
  key: ({ data }) => [data.sku, data.place],
  initialState: (key) => ({ key, count: 0 }),
  evolve: {
    StockAdded: (state, { sku }, { recordedAt }, key) => {
      holds<Equal<typeof sku, string>>()
      holds<Equal<typeof recordedAt, Date>>()
      holds<Equal<typeof key, string>>()
      return { ...state, count: state.count + 1 }
    },
    StockRemoved: () => null,
  },
})
const rows = orders.pick('OrderPaid').rawProjection({
  name: 'rows',
  async handle(events, tx: SqlTransaction) {
    for (const { data } of events) await tx.query('insert into paid values ($1)', [data.amount])
  },
})
holds<Equal<typeof rows, RawProjection<Extract<OrderEvent, { type: 'OrderPaid' }>, SqlTransaction>>>()
const documents = orders.rawProjection({
  name: 'documents',
  handle(events, tx) {
    holds<Equal<typeof events, readonly RecordedEvent<OrderEvent>[]>>()
    holds<Equal<typeof tx, HandlerTransaction>>()
  },
})
export const states = projection({ name: 'states', key: ({ streamId }) => streamId, ...order })
holds<Equal<typeof states, DocumentProjection<Order, OrderEvent>>>()

const mailer = orders.pick('OrderPaid', 'OrderShipped').subscription({
  name: 'mailer',
  partitions: 4,
  handle({ type, data }, { signal }) {
    holds<Equal<typeof type, 'OrderPaid' | 'OrderShipped'>>()
    holds<Equal<typeof signal, AbortSignal>>()
    if (type === 'OrderPaid') holds<Equal<typeof data.amount, number>>()
  },
})
const batches = orders.subscription({
  name: 'batches',
  handleBatch: (events) => holds<Equal<typeof events, readonly RecordedEvent<OrderEvent>[]>>(),
})

// Stores: the catalogue in the option `events` gives `append`, reads and handlers their types.

const store = memoryStore({ events: shop, inline: [places, documents] })
holds<Equal<typeof store, EventStore<ShopEvent>>>()
const onPostgres = postgresStore('postgres://localhost', { events: shop, inline: [rows] })
holds<Equal<typeof onPostgres, PostgresStore<ShopEvent>>>()
const onDynamodb = dynamodbStore({ events: shop })
holds<Equal<typeof onDynamodb, DynamodbStore<ShopEvent>>>()
const untyped = memoryStore()
holds<Equal<typeof untyped, EventStore>>()
// A function that takes any store takes one with a catalogue.
const anyStore: EventStore = store
export const storesOfAny: EventStore[] = [onPostgres, onDynamodb]

await store.append('order-1', [{ type: 'OrderPaid', data: { amount: 1, method: 'card' } }])
// @ts-expect-error a misspelt type
await store.append('order-1', [{ type: 'OrderPayed', data: { amount: 1, method: 'card' } }])
// @ts-expect-error the data of another event
await store.append('order-1', [{ type: 'OrderPaid', data: { reason: 'none' } }])
await store.appendAll([{ streamId: 'a', events: [{ type: 'OrderCancelled', data: { reason: 'none' } }] }])
// @ts-expect-error a misspelt type
await store.appendAll([{ streamId: 'a', events: [{ type: 'OrderCanceled', data: { reason: 'none' } }] }])
await untyped.append('order-1', [{ type: 'Whatever', data: { at: 1 } }])
await anyStore.append('order-1', [{ type: 'OrderCancelled', data: { reason: 'none' } }])

for await (const event of store.readAll({ types: ['OrderPaid', 'StockAdded'] })) {
  holds<Equal<typeof event.type, 'OrderPaid' | 'StockAdded'>>()
  if (event.type === 'StockAdded') holds<Equal<typeof event.data.place, string>>()
}
for await (const event of store.readAll()) holds<Equal<typeof event, RecordedEvent<ShopEvent>>>()
for await (const event of untyped.readAll({ types: ['A'] })) holds<Equal<typeof event, RecordedEvent>>()
for await (const event of untyped.readAll<OrderEvent>())
  holds<Equal<typeof event, RecordedEvent<OrderEvent>>>()
for await (const event of untyped.readAll<OrderEvent, 'OrderPaid'>({ types: ['OrderPaid'] }))
  holds<Equal<typeof event.data, { amount: number; method: 'card' | 'invoice' }>>()
// `raw` reads what is stored: any name, and data of any type.
for await (const event of store.raw.readAll({ types: ['OrderAborted'] }))
  holds<Equal<typeof event, RecordedEvent>>()
// @ts-expect-error a name that the catalogue lacks
store.readAll({ types: ['OrderPaid', 'OrderPayed'] })
// @ts-expect-error an old name: the store reads those events under today's name
store.readAll({ types: ['OrderAborted'] })
const slice = await store.readStream('order-1')
holds<Equal<typeof slice.events, readonly RecordedEvent<ShopEvent>[]>>()
const ownSlice = await store.readStream<OrderEvent>('order-1')
holds<Equal<typeof ownSlice.events, readonly RecordedEvent<OrderEvent>[]>>()
// @ts-expect-error events that the catalogue lacks
await store.readStream<Event<'Whatever'>>('order-1')

store.subscribe({
  name: 'parcels',
  types: ['OrderShipped'],
  handle(event, { tx }) {
    holds<Equal<typeof event.type, 'OrderShipped'>>()
    holds<Equal<typeof event.data, { parcel: string; weight?: number }>>()
    holds<Equal<typeof tx, HandlerTransaction>>()
  },
})
store.subscribe({
  name: 'batches',
  types: ['OrderShipped', 'OrderPaid'],
  handleBatch: (events) => holds<Equal<(typeof events)[0]['type'], 'OrderShipped' | 'OrderPaid'>>(),
})
store.subscribe({
  name: 'all',
  handle: (event) => holds<Equal<typeof event, RecordedEvent<ShopEvent>>>(),
})
onPostgres.subscribe({
  name: 'parcels',
  types: ['OrderShipped'],
  transactional: true,
  async handle({ data }, { tx }) {
    holds<Equal<typeof tx, SqlTransaction>>()
    await tx.query('insert into parcels values ($1)', [data.parcel])
  },
})
store.subscribe(mailer)
await store.runOnce(batches)
untyped.subscribe(mailer)
store.subscribe({ ...mailer, from: 'end' })
store.subscribe({ projection: places })
// @ts-expect-error a misspelt type
store.subscribe({ name: 'parcels', types: ['OrderShiped'], handle() {} })
untyped.subscribe<StockEvent>({ name: 'a', types: ['StockAdded'], handle: ({ data }) => void data.place })
// @ts-expect-error a name that the named events lack
untyped.subscribe<StockEvent>({ name: 'a', types: ['StockAded'], handle() {} })
untyped.subscribe({
  name: 'a',
  types: ['StockAdded'],
  handle: (event: RecordedEvent<StockEvent>) => void event.data,
})
untyped.subscribe({
  name: 'a',
  // @ts-expect-error a name that the events of the handler lack
  types: ['Whatever'],
  handle: (event: RecordedEvent<StockEvent>) => void event.data,
})
untyped.subscribe({
  name: 'a',
  types: ['Whatever'],
  handle: (event) => holds<Equal<typeof event, RecordedEvent>>(),
})

// Command handlers, folds and tests.

const handle = commandHandler({ store, decider: order })
holds<Equal<typeof handle, CommandHandler<Order, OrderCommand, OrderEvent>>>()
const handled = await handle('1', { kind: 'ship' })
holds<Equal<typeof handled.events, readonly RecordedEvent<OrderEvent>[]>>()
const handleByName = commandHandler({ store: onPostgres, decider: byName })
await handleByName('1', { type: 'ship' })
await handleByName('1', { type: 'place', data: { customer: 'c' } })
// @ts-expect-error a command without its data
await handleByName('1', { type: 'place' })
// @ts-expect-error no such command
await handleByName('1', { type: 'close' })
commandHandler({ store: untyped, decider: order })
commandHandler({ store: anyStore, decider: order })
commandHandler({ store, decider: plain })
declare const client: import('pg').PoolClient
commandHandler({ store: onPostgres.inTransaction(client), decider: order })
const stockStore = memoryStore({ events: stock })
// @ts-expect-error the store does not have the events of the decider
commandHandler({ store: stockStore, decider: order })
const folded = await foldStream(store, 'order-1', order)
holds<Equal<typeof folded.state, Order>>()
given(order, [{ type: 'OrderCancelled', data: { reason: 'none' } }])
  .when({ kind: 'ship' })
  .thenNothing()
// @ts-expect-error a misspelt type
given(order, [{ type: 'OrderCanceled', data: { reason: 'none' } }])

// A catalogue of a union that exists already: only the compiler checks its events.

type Letter = { type: 'A'; data: { n: number } } | { type: 'B'; data: { s: string } }
const letters = defineEvents<Letter>()
holds<Equal<EventsOf<typeof letters>, Letter>>()
letters.pick('A').projection({
  name: 'a',
  key: ({ data }) => String(data.n),
  initialState: () => 0,
  evolve: (n, { data }) => n + data.n,
})
const letterStore = memoryStore({ events: letters })
letterStore.subscribe({ name: 'b', types: ['B'], handle: ({ data }) => void data.s.length })
// @ts-expect-error no such event
letters.pick('C')

// Data that JSON carries, and data that it does not.

type Tree = { name: string; children: Tree[]; at?: string | undefined }
type Anything = string | number | null | Anything[] | { [key: string]: Anything }
type Branded = string & { readonly __brand: 'id' }
interface Address {
  street: string
  floor?: number
}
defineEvents({
  A: payload<Tree>(),
  B: payload<{
    id: Branded
    tags: readonly string[]
    pair: [number, string?]
    // biome-ignore lint/suspicious/noExplicitAny: a type that the compiler does not check
    any: any
    unknown: unknown
    more: Anything
    address: Address
  }>(),
  C: payload<null>(),
  D: z.object({
    id: z.string().brand('id'),
    note: z.string().optional(),
    more: z.record(z.string(), z.number()),
  }),
  E: z.object({ count: z.number().default(0) }).partial(),
})
class Money {
  amount = 0
  add(other: Money): Money {
    return other
  }
}
// @ts-expect-error A: data.at is a Date, which is not JSON: keep an ISO string
defineEvents({ A: payload<{ at: Date }>() })
// @ts-expect-error A: data.deep.amount is a bigint, which is not JSON: keep a string
defineEvents({ A: z.object({ deep: z.object({ amount: z.bigint() }) }) })
// @ts-expect-error A: data.list[].m is a Map or a Set, which is not JSON: keep an object or an array
defineEvents({ A: payload<{ list: { m: Map<string, string> }[] }>() })
// @ts-expect-error A: data.photo is bytes, which are not JSON: keep base64 text
defineEvents({ A: payload<{ photo: Uint8Array }>() })
// @ts-expect-error A: data.key is a symbol, which is not JSON: keep a string
defineEvents({ A: payload<{ key: symbol }>() })
// @ts-expect-error A: data.price.add is a function, which is not JSON: keep plain data, without methods
defineEvents({ A: payload<{ price: Money }>() })
// @ts-expect-error A: the schema returns another type than it takes
defineEvents({ A: z.object({ n: z.string().transform(Number) }) })
// @ts-expect-error no schema
defineEvents({ A: { n: 1 } })

// The state of a snapshot must be JSON too.
const snapshot = { name: 'orders', version: 1 }
commandHandler({ store, decider: order, snapshot })
await foldStream(store, 'order-1', order, { snapshot: { ...snapshot, every: 50 } })
const dated = orders.decider({
  initialState: () => ({ at: new Date() }),
  decide: (_command: 'place') => undefined,
  evolve: (state) => state,
})
commandHandler({ store, decider: dated })
// @ts-expect-error the state has a part that is not JSON: state.at is a Date
commandHandler({ store, decider: dated, snapshot })
// @ts-expect-error the state has a part that is not JSON: state.at is a Date
await foldStream(store, 'order-1', dated, { snapshot })
holds<Equal<KeptAsJson<Order>, unknown>>()
holds<
  Equal<
    KeptAsJson<{ at: Date }>,
    'the state has a part that is not JSON: state.at is a Date, which is not JSON: keep an ISO string'
  >
>()

// Upcasts.

const schemas = { A: payload<{ n: number; currency: 'EUR' | 'USD' }>(), B: payload<{ s: string }>() }
defineEvents(schemas, { upcasts: { A: { 1: (old: { n: number }) => ({ ...old, currency: 'EUR' }) } } })
// @ts-expect-error not the data of today's A
defineEvents(schemas, { upcasts: { A: { 1: (old: { n: number }) => ({ ...old, currency: 'GBP' }) } } })
defineEvents(schemas, {
  upcasts: {
    A: {
      // @ts-expect-error not the data that the next step takes
      1: (old: { m: number }) => ({ m: old.m }),
      2: (old: { n: number }) => ({ ...old, currency: 'EUR' }),
    },
  },
})
// @ts-expect-error C is no event
defineEvents(schemas, { upcasts: { Old: 'C' } })
// @ts-expect-error A is an event of this catalogue, so it has steps
defineEvents(schemas, { upcasts: { A: 'B' } })
// @ts-expect-error only an event of this catalogue has versions
defineEvents(schemas, { upcasts: { Old: { 1: (old: { s: string }) => old } } })
defineEvents(schemas, { upcasts: { Old: { B: (old: { t: string }) => ({ s: old.t }) } } })
defineEvents(schemas, {
  upcasts: { Old: { B: (old: { t: string }) => (old.t === '' ? undefined : { s: old.t }) } },
})
defineEvents(schemas, { upcasts: { Old: {} } })
defineEvents(schemas, {
  upcasts: {
    A: {
      1: (old: { m: number; s: string }) => ({ n: old.m, s: old.s }),
      2: {
        A: (old: { n: number; s: string }) => ({ n: old.n, currency: 'EUR' }),
        B: (old: { n: number; s: string }, { streamId }: StoredEvent) => ({ s: `${old.s} ${streamId}` }),
      },
    },
  },
})
// @ts-expect-error not the data of B
defineEvents(schemas, { upcasts: { Old: { B: (old: { t: string }) => ({ t: old.t }) } } })
// @ts-expect-error C is no event
defineEvents(schemas, { upcasts: { Old: { C: (old: { t: string }) => ({ t: old.t }) } } })
// @ts-expect-error the type of old data must be annotated
defineEvents(schemas, { upcasts: { A: { 1: (old) => ({ n: old.n, currency: 'EUR' }) } } })

// Mistakes in deciders, projections and subscriptions.

orders.decider({
  initialState: (): Order => ({ status: 'new' }),
  // @ts-expect-error a misspelt type
  decide: (_command: 'cancel') => ({ type: 'OrderCanceled', data: { reason: 'none' } }),
  evolve: (state) => state,
})
orders.decider({
  initialState: (): Order => ({ status: 'new' }),
  commands: {
    // @ts-expect-error the data of another event
    cancel: () => ({ type: 'OrderCancelled', data: { amount: 1 } }),
  },
  evolve: (state) => state,
})
orders.decider({
  initialState: (): Order => ({ status: 'new' }),
  decide: (_command: 'cancel') => undefined,
  // @ts-expect-error no function for OrderCancelled
  evolve: {
    OrderPlaced: (state) => state,
    OrderPaid: (state) => state,
    OrderShipped: (state) => state,
  },
})
orders.decider({
  initialState: (): Order => ({ status: 'new' }),
  decide: (_command: 'cancel') => undefined,
  evolve: {
    OrderPlaced: (state) => state,
    OrderPaid: (state) => state,
    OrderShipped: (state) => state,
    // @ts-expect-error 'canceled' is no status
    OrderCancelled: (state) => (state.status === 'new' ? state : { ...state, status: 'canceled' }),
  },
})
// @ts-expect-error neither decide nor commands
orders.decider({ initialState: () => 0, evolve: (state) => state })
orders.pick('OrderPaid').projection({
  name: 'paid',
  key: ({ streamId }) => streamId,
  initialState: () => 0,
  // @ts-expect-error only picked events have a function
  evolve: { OrderPaid: (total, { amount }) => total + amount, OrderShipped: (total) => total },
})
orders.subscription({
  name: 'mailer',
  // @ts-expect-error pick(…) selects the events
  types: ['OrderPaid'],
  handle() {},
})
// @ts-expect-error a misspelt type
stock.pick('StockAded')
