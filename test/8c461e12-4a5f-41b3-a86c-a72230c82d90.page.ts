import { defineEvents, memoryStore, payload } from '@eventsourced/core'

interface Price {
  amount: number
  currency: string
}

const bookings = defineEvents(
  {
    Requested: payload<{ guest: string; nights: string[]; price: Price }>(),
    Withdrawn: payload<{ reason: string }>(),
    Released: payload<{ night: string }>(),
    Reserved: payload<{ night: string }>(),
  },
  {
    upcasts: {
      Requested: {                                   // from each stored version to the next one
        1: ({ night, ...old }: { guest: string; night: string; price: number }) => ({
          ...old,
          nights: [night],
        }),
        2: ({ price, ...old }: { guest: string; nights: string[]; price: number }) => ({
          ...old,
          price: { amount: price, currency: 'EUR' },
        }),
      },
      Cancelled: 'Withdrawn',                        // has another name today
      Moved: {                                       // is two events today
        Released: ({ from }: { from: string; to: string }) => ({ night: from }),
        Reserved: ({ to }: { from: string; to: string }) => ({ night: to }),
      },
      Noted: {},                                     // is not read any more
    },
  },
)

const store = memoryStore({ events: bookings })
const rows = [
  { type: 'Requested', data: { guest: 'Ada', night: 'mo', price: 90 } },
  { type: 'Noted', data: { text: 'likes silence' } },
  { type: 'Moved', data: { from: 'mo', to: 'tu' } },
].map((event) => ({ ...event, streamId: 'booking-1' }))
await store.import(rows, { name: 'past', shape: 'stored' })
const { events, version } = await store.readStream('booking-1')
console.log(version, events.map(({ type }) => type)) // 3 [ 'Requested', 'Released', 'Reserved' ]
console.log(JSON.stringify(events[0]?.data))
// {"guest":"Ada","nights":["mo"],"price":{"amount":90,"currency":"EUR"}}

defineEvents({ Booked: payload<{ guest: string; note?: string }>() })

defineEvents(
  { Booked: payload<{ guest: string; nights: number }>() },
  {
    upcasts: { Booked: { 1: ({ guest }: { guest: string }) => ({ guest, nights: 1 }) } },
    writeAs: { Booked: { 1: ({ guest }) => ({ guest }) } }, // the second deployment removes this line
  },
)

defineEvents(
  { Booked: payload<{ guest: string; price: Price }>() },
  {
    upcasts: {
      Booked: {
        1: ({ guest, price }: { guest: string; price: number }) => ({
          guest,
          price: { amount: price, currency: 'EUR' },
        }),
      },
    },
    writeAs: { Booked: { 1: ({ guest, price }) => ({ guest, price: price.amount }) } },
  },
)

defineEvents(
  { Withdrawn: payload<{ reason: string }>() },
  { upcasts: { Cancelled: 'Withdrawn' }, writeAs: { Withdrawn: 'Cancelled' } },
)

defineEvents({                                       // first deployment
  Moved: payload<{ from: string; to: string }>(),
  Released: payload<{ night: string }>(),
  Reserved: payload<{ night: string }>(),
})
defineEvents(                                        // second deployment
  { Released: payload<{ night: string }>(), Reserved: payload<{ night: string }>() },
  {
    upcasts: {
      Moved: {
        Released: ({ from }: { from: string; to: string }) => ({ night: from }),
        Reserved: ({ to }: { from: string; to: string }) => ({ night: to }),
      },
    },
  },
)

defineEvents({ Booked: payload<{ guest: string }>() }, { upcasts: { Noted: {} } })

const anonymous = defineEvents(
  { Booked: payload<{ guestId: string }>() },
  {
    upcasts: { Booked: { 1: ({ guestId }: { guestId: string; name: string }) => ({ guestId }) } },
    writeAs: { Booked: { 1: ({ guestId }) => ({ guestId, name: '' }) } },
  },
)

const old = memoryStore({ events: anonymous })
const copy = memoryStore({ events: anonymous })
await copy.import(old.readAll(), { shape: 'current' })

defineEvents({ Booked: payload<{ guest: string }>() }, { unknown: 'skip' })

defineEvents(
  { Booked: payload<{ guest: string; price: Price }>() },
  {
    upcasts: {
      Booked: {
        1: ({ guest, price }: { guest: string; price: number | Price }) => ({
          guest,
          price: typeof price === 'number' ? { amount: price, currency: 'EUR' } : price,
        }),
      },
    },
  },
)
