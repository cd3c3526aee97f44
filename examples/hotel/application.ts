/** The hotel on one store: its command handlers, and what reacts to its events. */
import {
  causedBy,
  commandHandler,
  type EventStore,
  type EventsOf,
  foldStream,
  type HandleOptions,
  type RecordedEvent,
} from '@eventsourced/core'
import type * as z from 'zod'
import { booking, type bookingEvents, type newBooking } from './booking.ts'
import { guest } from './guest.ts'
import { emailKey, KeyVault, type PersonalData, seal, unseal } from './personal-data.ts'
import { bookingSearch, bookingsOfGuest, type hotelEvents, takenNights } from './projections.ts'
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

export interface HotelOptions {
  sendMail: (mail: Mail) => Promise<void>
  /** Keys the hashes of addresses. */
  secret: string
  /** How long a booking is held without a payment, in milliseconds. */
  payWithin: number
}

export function hotel(store: HotelStore, { sendMail, secret, payWithin }: HotelOptions) {
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

  async function takenRooms(day: string) {
    const rooms: string[] = []
    for await (const { key } of store.view(takenNights).list({ prefix: `${day}/room-` })) {
      rooms.push(key.slice(`${day}/room-`.length))
    }
    return { day, rooms }
  }

  async function search(status: string) {
    const found = []
    for await (const { key, state } of store.view(bookingSearch).list()) {
      if (state.status === status) found.push({ booking: key.slice('booking-'.length), ...state })
    }
    return found
  }

  /** Withdraws the bookings that were not paid for in time. Any number of processes may call it at once. */
  async function withdrawUnpaid(now: string = new Date().toISOString()): Promise<void> {
    for await (const { key, state } of store.view(bookingSearch).list()) {
      const isOpen = state.status === 'requested' || state.status === 'held'
      if (isOpen && state.payBy <= now) await bookings(key.slice('booking-'.length), { kind: 'expire' })
    }
  }

  /** Registers a guest. The events hold the personal data sealed with the guest's own key. */
  async function registerGuest(id: string, person: PersonalData, options?: HandleOptions) {
    const sealed = seal(await vault.keyFor(id), person)
    return guests(id, { kind: 'register', sealed, emailKey: emailKey(person.email, secret) }, options)
  }

  /** Returns the personal data of a guest; `undefined` in its place once the guest is erased. */
  async function findGuest(id: string) {
    const folded = await foldStream(store, `guest-${id}`, guest)
    return { ...folded, state: unseal(await vault.find(id), folded.state.sealed) ?? { erased: true } }
  }

  async function eraseGuest(id: string, options?: HandleOptions) {
    const erased = await guests(id, { kind: 'erase' }, options)
    await vault.destroy(id)
    return erased
  }

  /** Requests a booking at the present price of the room. */
  async function requestBooking(id: string, wanted: z.infer<typeof newBooking>, options?: HandleOptions) {
    const { exists } = await foldStream(store, `guest-${wanted.guestId}`, guest)
    if (!exists) throw new Refusal('no-such-guest', 'There is no such guest')
    const { state } = await foldStream(store, `room-${wanted.roomId}`, room)
    const price = { amount: state.price * wanted.nights.length, currency: 'EUR' }
    const payBy = new Date(Date.now() + payWithin).toISOString()
    return bookings(id, { kind: 'request', ...wanted, price, payBy }, options)
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

  return {
    store,
    rooms,
    bookings,
    registerGuest,
    findGuest,
    eraseGuest,
    requestBooking,
    takenRooms,
    search,
    start,
    withdrawUnpaid,
  }
}

export type Hotel = ReturnType<typeof hotel>

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof Refusal)) throw error
}
