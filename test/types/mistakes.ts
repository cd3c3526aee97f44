/**
 * Mistakes that the compiler must report. The comment above each one says where in the next line the report must begin, and
 * which words it must contain. `mistakes.test.ts` checks that. This file does not compile, so `npm run check:types`
 * leaves it out.
 */
import { decider, inPlace, memoryStore, projection, type RecordedEvent } from '@eventsourced/core'

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
