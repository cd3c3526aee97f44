/** What the hotel reads: documents of its events. */
import { mergeEvents } from '@eventsourced/core'
import { bookingEvents } from './booking.ts'
import { guestEvents } from './guest.ts'
import { Refusal } from './refusal.ts'
import { roomEvents } from './room.ts'

export const hotelEvents = mergeEvents(roomEvents, guestEvents, bookingEvents)

/** Inline: the booking of each room and night, by keys such as `2026-12-24/room-101`. */
export const takenNights = roomEvents.pick('NightsReserved', 'NightsReleased').projection({
  name: 'taken-nights',
  key: ({ streamId, data }) => data.nights.map((night) => `${night}/${streamId}`),
  initialState: () => ({ bookingId: '' }),
  evolve: (_, { type, data }) => (type === 'NightsReserved' ? { bookingId: data.bookingId } : null),
})

/** Inline: refuses a second guest with the same address, in the transaction of the registration. */
export const guestEmails = guestEvents.projection({
  name: 'guest-emails',
  key: ({ data }) => data.emailKey,
  initialState: () => ({ guest: '' }),
  evolve({ guest }, { type, streamId }) {
    if (type === 'GuestErased') return null
    if (guest !== '' && guest !== streamId) throw new Refusal('email-taken', 'This address is taken')
    return { guest: streamId }
  },
})

const statusOf = {
  BookingRequested: 'requested',
  BookingHeld: 'held',
  BookingRejected: 'rejected',
  BookingPaid: 'paid',
  BookingWithdrawn: 'withdrawn',
} as const

/** Async: the bookings of each guest. */
export const bookingsOfGuest = bookingEvents.projection({
  name: 'bookings-of-guest',
  key: ({ data }) => data.guestId,
  initialState: () => ({
    bookings: {} as Record<string, { roomId: string; nights: string[]; status: string }>,
  }),
  evolve({ bookings }, { type, data, streamId }) {
    const before =
      type === 'BookingRequested' ? { roomId: data.roomId, nights: data.nights } : bookings[streamId]
    if (before === undefined) return { bookings }
    return { bookings: { ...bookings, [streamId]: { ...before, status: statusOf[type] } } }
  },
})

/** Async: each booking, for searching and for finding unpaid ones. */
export const bookingSearch = bookingEvents.projection({
  name: 'booking-search',
  key: ({ streamId }) => streamId,
  initialState: () => ({ guestId: '', roomId: '', first: '', payBy: '', status: 'requested' as string }),
  evolve(state, { type, data }) {
    const status = statusOf[type]
    if (type !== 'BookingRequested') return { ...state, status }
    const { guestId, roomId, nights, payBy } = data
    return { guestId, roomId, first: nights[0] ?? '', payBy, status }
  },
})
