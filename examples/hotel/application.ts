/** The hotel on one store: its command handlers, and what reacts to its events. */
import {
  causedBy,
  commandHandler,
  type EventStore,
  type EventsOf,
  foldStream,
  type RecordedEvent,
} from '@eventsourced/core'
import { booking, type bookingEvents } from './booking.ts'
import { guest } from './guest.ts'
import { KeyVault, unseal } from './personal-data.ts'
import { bookingSearch, bookingsOfGuest, type hotelEvents } from './projections.ts'
import { Refusal } from './refusal.ts'
import { room } from './room.ts'

type HotelStore = EventStore<EventsOf<typeof hotelEvents>>
type BookingEvent = EventsOf<typeof bookingEvents>

export interface Mail {
  /** The same for the same mail, so that the mail service can drop a repeated call. */
  id: string
  to: string
  text: string
}

export function hotel(store: HotelStore, sendMail: (mail: Mail) => Promise<void>) {
  const vault = new KeyVault()
  const rooms = commandHandler({ store, decider: room, streamId: (id) => `room-${id}`, cacheSize: 1_000 })
  const guests = commandHandler({ store, decider: guest, streamId: (id) => `guest-${id}` })
  const bookings = commandHandler({ store, decider: booking, streamId: (id) => `booking-${id}` })
  const bookingOf = ({ streamId }: RecordedEvent) => streamId.slice('booking-'.length)

  /** Reserves the nights of a requested booking, or rejects it; releases the nights of a withdrawn one. */
  async function reserveOrRelease(event: RecordedEvent<BookingEvent>): Promise<void> {
    const bookingId = bookingOf(event)
    // The ids make a repeated call, for example after a crash, do nothing.
    const options = (step: string) => ({ commandId: `${step}-${event.id}`, metadata: causedBy(event) })
    if (event.type === 'BookingWithdrawn') {
      await rooms(event.data.roomId, { kind: 'release', bookingId }, options('release')).catch(ignoreRefusal)
    }
    if (event.type !== 'BookingRequested') return
    const { roomId, nights } = event.data
    try {
      await rooms(roomId, { kind: 'reserve', bookingId, nights }, options('reserve'))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      await bookings(bookingId, { kind: 'reject', reason: error.reason }, options('reject'))
      return
    }
    const { state } = await bookings(bookingId, { kind: 'hold' }, options('hold'))
    // It was withdrawn before the nights were reserved, so its event has released nothing.
    if (state.status === 'withdrawn') await rooms(roomId, { kind: 'release', bookingId }, options('undo'))
  }

  async function mailGuest(event: RecordedEvent<BookingEvent>): Promise<void> {
    const { guestId } = event.data
    const { state } = await foldStream(store, `guest-${guestId}`, guest)
    const person = unseal(await vault.find(guestId), state.sealed)
    if (person === undefined) return
    const text = `Dear ${person.name}, ${event.type}: ${bookingOf(event)}`
    await sendMail({ id: event.id, to: person.email, text })
  }

  /** Withdraws the bookings that were not paid for in time. Any number of processes may call it at once. */
  async function withdrawUnpaid(now: string = new Date().toISOString()): Promise<void> {
    for await (const { key, state } of store.view(bookingSearch).list()) {
      const isOpen = state.status === 'requested' || state.status === 'held'
      if (isOpen && state.payBy <= now) await bookings(key.slice('booking-'.length), { kind: 'expire' })
    }
  }

  /** Starts what follows the log in this process, and returns the subscriptions. */
  function start() {
    return [
      store.subscribe({ projection: bookingsOfGuest }),
      store.subscribe({ projection: bookingSearch }),
      store.subscribe({
        name: 'reserve-or-release',
        types: ['BookingRequested', 'BookingWithdrawn'],
        partitions: 4,
        handle: reserveOrRelease,
        onError: { retries: 8, action: 'block-stream' },
      }),
      store.subscribe({
        name: 'mailer',
        types: ['BookingHeld', 'BookingPaid', 'BookingRejected', 'BookingWithdrawn'],
        handle: mailGuest,
        onError: { retries: 2, action: 'park' },
        handlerTimeout: 10_000,
      }),
    ]
  }

  return { store, vault, rooms, guests, bookings, start, withdrawUnpaid }
}

export type Hotel = ReturnType<typeof hotel>

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof Refusal)) throw error
}
