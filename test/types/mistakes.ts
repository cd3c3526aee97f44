/**
 * Mistakes that the compiler must report. The comment above each one says where in the next line the report must begin, and
 * which words it must contain. `mistakes.test.ts` checks that. This file does not compile, so `npm run check:types`
 * leaves it out.
 */
import {
  commandHandler,
  decider,
  defineEvents,
  inPlace,
  memoryStore,
  payload,
  projection,
  type RecordedEvent,
} from '@eventsourced/core'
import * as z from 'zod'

type Held = { type: 'Held'; data: { guest: string } }
type Paid = { type: 'Paid'; data: { amount: number } }
type Released = { type: 'Released'; data: { reason: string } }
type BookingEvent = Held | Paid | Released
type Booking = { status: 'open' | 'held' | 'paid'; nights: [number, number] }

const open = (): Booking => ({ status: 'open', nights: [1, 2] })
const store = memoryStore()

decider({
  initialState: open,
  decide: (_command: 'hold'): BookingEvent[] => [],
  // evolve — Type '"hled"' is not assignable to type '"held" | "open" | "paid"'
  evolve(state, { type }) {
    return type === 'Held' ? { ...state, status: 'hled' } : state
  },
})

decider({
  initialState: open,
  decide: (_command: 'hold'): BookingEvent[] => [],
  // evolve — Type 'undefined' is not assignable to type 'Booking'
  evolve(state, { type }) {
    switch (type) {
      case 'Held':
        return { ...state, status: 'held' }
      case 'Paid':
        return { ...state, status: 'paid' }
    }
  },
})

decider({
  initialState: open,
  decide: (_command: 'hold'): BookingEvent[] => [],
  // ({ ...state — nights: [number, number]; }' is not assignable to type 'undefined'
  evolve: inPlace((state) => ({ ...state })),
})

projection({
  name: 'bookings',
  // 'Hled' — Type '"Hled"' is not assignable to type '"Held" | "Paid" | "Released"'
  events: ['Paid', 'Hled'],
  key: ({ streamId }: RecordedEvent<BookingEvent>) => streamId,
  initialState: open,
  evolve: (state) => state,
})

projection({
  name: 'bookings',
  key: ({ streamId }: RecordedEvent<BookingEvent>) => streamId,
  initialState: open,
  // status: 'hled' — Type '"hled"' is not assignable to type '"held" | "open" | "paid"'
  evolve: (state) => ({ ...state, status: 'hled' }),
})

projection({
  name: 'bookings',
  events: ['Held', 'Paid'],
  key: ({ streamId }: RecordedEvent<BookingEvent>) => streamId,
  initialState: open,
  evolve(state, { type }) {
    // type === 'Released' — This comparison appears to be unintentional because the types '"Held" | "Paid"' and '"Released"' have no overlap
    return type === 'Released' ? null : state
  },
})

// { name: — Property 'evolve' is missing in type
projection({ name: 'bookings', key: () => 'all', initialState: open })

projection({
  name: 'receipts',
  // 'Piad' — Type '"Piad"' is not assignable to type '"Held" | "Paid" | "Released"'
  events: ['Piad'],
  handle(_events: readonly RecordedEvent<BookingEvent>[]) {},
})

store.subscribe<BookingEvent>({
  name: 'mailer',
  // 'Hled' — Type '"Hled"' is not assignable to type '"Held" | "Paid" | "Released"'
  types: ['Hled', 'Paid'],
  handle() {},
})

store.subscribe({
  name: 'mailer',
  // 'Hled' — Type '"Hled"' is not assignable to type '"Held" | "Paid" | "Released"'
  types: ['Hled'],
  handle(_event: RecordedEvent<BookingEvent>) {},
})

store.runOnce<BookingEvent>({
  name: 'mailer',
  // 'Hled' — Type '"Hled"' is not assignable to type '"Held" | "Paid" | "Released"'
  types: ['Hled'],
  handleBatch() {},
})

// 'Hled' — Type '"Hled"' is not assignable to type '"Held" | "Paid" | "Released"'
store.readAll<BookingEvent>({ types: ['Hled'] })

// With a catalogue

const bookings = defineEvents({
  Held: z.object({ guest: z.string() }),
  Paid: payload<{ amount: number }>(),
  Released: payload<{ reason: string }>(),
})
const rooms = defineEvents({ Cleaned: payload<{ room: string }>() })
const typed = memoryStore({ events: bookings })

// type: 'Hled' — Type '"Hled"' is not assignable to type '"Held" | "Paid" | "Released"'
typed.append('a', [{ type: 'Hled', data: { guest: 'g' } }])

// guest: 'g' — 'guest' does not exist in type '{ amount: number; }'
typed.append('a', [{ type: 'Paid', data: { guest: 'g' } }])

// 'Hled' — Type '"Hled"' is not assignable to type '"Held" | "Paid" | "Released"'
typed.readAll({ types: ['Hled'] })

// 'Hled' — Argument of type '"Hled"' is not assignable to parameter of type '"Held" | "Paid" | "Released"'
bookings.pick('Hled')

// A: payload — is not assignable to type '"A: data.at is a Date, which is not JSON: keep an ISO string"'
defineEvents({ A: payload<{ at: Date }>() })

// A: z.object — is not assignable to type '"A: data.lines[].price is a bigint, which is not JSON: keep a string"'
defineEvents({ A: z.object({ lines: z.array(z.object({ price: z.bigint() })) }) })

// A: z.object — is not assignable to type '"A: the schema returns another type than it takes, but stored data must be valid again when it is read"'
defineEvents({ A: z.object({ n: z.string().transform(Number) }) })

bookings.decider({
  initialState: open,
  // decide — Type '"Hled"' is not assignable to type
  decide: (_command: 'hold') => ({ type: 'Hled', data: { guest: 'g' } }),
  evolve: (state) => state,
})

bookings.decider({
  initialState: open,
  commands: {
    // pay — Type 'string' is not assignable to type 'number'
    pay: (amount: string) => ({ type: 'Paid', data: { amount } }),
  },
  evolve: (state) => state,
})

bookings.decider({
  initialState: open,
  decide: (_command: 'hold') => undefined,
  // evolve — Property 'Released' is missing in type
  evolve: { Held: (state) => state, Paid: (state) => state },
})

bookings.decider({
  initialState: open,
  decide: (_command: 'hold') => undefined,
  evolve: {
    Paid: (state) => state,
    Released: (state) => state,
    // status: 'hled' — Type '"hled"' is not assignable to type '"held" | "open" | "paid"'
    Held: (state) => ({ ...state, status: 'hled' }),
  },
})

// { initialState — Property 'decide' is missing in type
bookings.decider({ initialState: open, evolve: (state) => state })

defineEvents(
  { A: payload<{ n: number }>() },
  // 1: (old — Type '{ n: string; }' is not assignable to type '{ n: number; }'
  { upcasts: { A: { 1: (old: { text: string }) => ({ n: old.text }) } } },
)

// Old: 'B' — Mistake<"B is no event of this catalogue">
defineEvents({ A: payload<{ n: number }>() }, { upcasts: { Old: 'B' } })

const booking = bookings.decider({
  initialState: open,
  commands: { hold: (guest: string) => ({ type: 'Held', data: { guest } }) },
  evolve: (state) => state,
})
// store: — Type '"Held"' is not assignable to type '"Cleaned"'
commandHandler({ store: memoryStore({ events: rooms }), decider: booking })

// type: 'close' — Type '"close"' is not assignable to type '"hold"'
commandHandler({ store: typed, decider: booking })('1', { type: 'close', data: 'g' })
