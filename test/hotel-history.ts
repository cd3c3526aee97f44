/** The events that the first release of the hotel has stored, and would still be in its database today. */
import type { ImportedEvent } from '@eventsourced/core'

const payBy = '2026-12-01T12:00:00.000Z'

/** `price`: without a currency, as the first release stored it. */
const requested = (nights: readonly string[], price: number) => ({
  type: 'BookingRequested',
  data: { guestId: 'ada', roomId: '101', nights, price, payBy },
})
const held = { type: 'BookingHeld', data: { guestId: 'ada' } }
const reserved = (bookingId: string, nights: readonly string[]) => ({
  type: 'NightsReserved',
  data: { bookingId, nights },
})

const christmas = ['2027-12-24', '2027-12-25']

/** In the order of the log: a paid booking, one that was cancelled, and one that is still held. */
export const hotelHistory: readonly ImportedEvent[] = [
  { streamId: 'room-101', type: 'RoomOpened', data: { number: '101', beds: 2, price: 80 } },
  { streamId: 'booking-paid', ...requested(christmas, 160) },
  { streamId: 'room-101', ...reserved('paid', christmas) },
  { streamId: 'booking-paid', ...held },
  { streamId: 'booking-paid', type: 'BookingPaid', data: { guestId: 'ada', amount: 160, payBy } },
  { streamId: 'booking-late', ...requested(['2027-05-01'], 80) },
  { streamId: 'room-101', ...reserved('late', ['2027-05-01']) },
  { streamId: 'booking-late', ...held },
  {
    streamId: 'booking-late',
    type: 'BookingCancelled',
    data: { guestId: 'ada', roomId: '101', reason: 'payment timeout', payBy },
  },
  { streamId: 'room-101', type: 'NightsReleased', data: { bookingId: 'late', nights: ['2027-05-01'] } },
  { streamId: 'booking-open', ...requested(['2027-06-01'], 90) },
  { streamId: 'room-101', ...reserved('open', ['2027-06-01']) },
  { streamId: 'booking-open', ...held },
]
