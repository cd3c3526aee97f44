/**
 * The types that the compiler infers for projections and for filters by event type, and the mistakes that it reports.
 * `tsc` checks this file; it never runs.
 */
import {
  type Decider,
  type DocumentProjection,
  type Event,
  type HandlerTransaction,
  memoryStore,
  projection,
  type RawProjection,
  type RecordedEvent,
} from '@eventsourced/core'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_Claim extends true>() => {}

type Held = { type: 'Held'; data: { guest: string } }
type Paid = { type: 'Paid'; data: { amount: number } }
type Released = { type: 'Released'; data: { reason: string } }
type BookingEvent = Held | Paid | Released
type Booking = { status: 'open' | 'held' | 'paid'; nights: [number, number] }

const open = (): Booking => ({ status: 'open', nights: [1, 2] })

// The event of `key` is the only annotation. The compiler checks `events` against it, and `evolve` gets only listed events.
const bookings = projection({
  name: 'bookings',
  events: ['Held', 'Paid'],
  key: ({ streamId }: RecordedEvent<BookingEvent>) => streamId,
  initialState: open,
  evolve(state, { type, data }, key) {
    holds<Equal<typeof state, Booking>>()
    holds<Equal<typeof type, 'Held' | 'Paid'>>()
    holds<Equal<typeof key, string>>()
    switch (type) {
      case 'Held':
        holds<Equal<typeof data, { guest: string }>>()
        return { ...state, status: 'held' }
      case 'Paid':
        return data.amount === 0 ? null : { status: 'paid', nights: [1, data.amount] }
    }
  },
})
holds<Equal<typeof bookings, DocumentProjection<Booking, BookingEvent>>>()

// Without a list, `evolve` gets every event of the union.
projection({
  name: 'all bookings',
  key: ({ streamId }: RecordedEvent<BookingEvent>) => streamId,
  initialState: () => 0,
  evolve(count, { type }) {
    holds<Equal<typeof type, BookingEvent['type']>>()
    return count + 1
  },
})

// Without an annotation, the types of events are known and their data is not. `initialState` gets the key.
const unknown = projection({
  name: 'anything',
  events: ['Held', 'Paid'],
  key: ({ streamId }) => streamId,
  initialState: (key) => ({ key, count: 0 }),
  evolve(state, { type, data }) {
    holds<Equal<typeof type, 'Held' | 'Paid'>>()
    holds<Equal<typeof data, unknown>>()
    return { ...state, count: state.count + 1 }
  },
})
holds<Equal<typeof unknown, DocumentProjection<{ key: string; count: number }, Event>>>()

projection({
  name: 'forgetful',
  key: ({ streamId }: RecordedEvent<BookingEvent>) => streamId,
  initialState: open,
  // @ts-expect-error a missing case
  evolve(state, { type }) {
    switch (type) {
      case 'Held':
        return { ...state, status: 'held' }
    }
  },
})

// The events come from any annotation: of `evolve` alone, or of functions that are declared elsewhere.
const guests = projection({
  name: 'guests',
  key: ({ streamId }) => streamId,
  initialState: () => 0,
  evolve: (count: number, { data }: RecordedEvent<Held>) => count + data.guest.length,
})
holds<Equal<typeof guests, DocumentProjection<number, Held>>>()
declare const booking: Decider<Booking, string, BookingEvent>
const spread = projection({ name: 'states', events: ['Held'], key: ({ streamId }) => streamId, ...booking })
holds<Equal<typeof spread, DocumentProjection<Booking, BookingEvent>>>()

// If the state is a type parameter, the compiler cannot know that it is not `never`. The result needs a type assertion.
export function statesOf<State, E extends Event>({ initialState, evolve }: Decider<State, never, E>) {
  const key = ({ streamId }: RecordedEvent<E>) => streamId
  return projection({ name: 'states', key, initialState, evolve }) as DocumentProjection<State, E>
}

// With `handle`, it is a raw projection, which writes its data itself.
const receipts = projection({
  name: 'receipts',
  events: ['Paid'],
  handle(events: readonly RecordedEvent<BookingEvent>[], tx: HandlerTransaction) {
    for (const event of events)
      if (event.type === 'Paid') tx.documents<number>('receipts').put('last', event.data.amount)
  },
})
holds<Equal<typeof receipts, RawProjection<BookingEvent>>>()
projection({
  name: 'log',
  events: ['Paid'],
  handle(events, tx) {
    holds<Equal<typeof events, readonly RecordedEvent[]>>()
    holds<Equal<typeof tx, HandlerTransaction>>()
  },
})

const store = memoryStore({ inline: [bookings, receipts] })
const document = await store.view(bookings).get('1')
holds<Equal<NonNullable<typeof document>['state'], Booking>>()
// @ts-expect-error a raw projection has no documents
store.view(receipts)

// The compiler checks filters by type if it knows the events. Otherwise it accepts any name.
store.subscribe<BookingEvent>({
  name: 'mailer',
  types: ['Held', 'Paid'],
  handle(event) {
    holds<Equal<typeof event, RecordedEvent<BookingEvent>>>()
  },
})
store.subscribe({ name: 'any', types: ['Whatever'], handle() {} })
await store.runOnce<BookingEvent>({ name: 'mailer', types: ['Released'], handleBatch() {} })
for await (const event of store.readAll<BookingEvent>({ types: ['Held'] })) {
  holds<Equal<typeof event, RecordedEvent<BookingEvent>>>()
}
for await (const event of store.readAll({ types: ['Whatever'] })) holds<Equal<typeof event, RecordedEvent>>()
