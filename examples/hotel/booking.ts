/** A booking: requested, held for some time, paid for or withdrawn. */
import { defineEvents, payload } from '@eventsourced/core'
import * as z from 'zod'
import { Refusal } from './refusal.ts'

const nights = z.array(z.iso.date()).min(1)

export const newBooking = z.object({ guestId: z.string(), roomId: z.string(), nights })
export const payment = z.object({ amount: z.number() })

export const bookingEvents = defineEvents(
  {
    BookingRequested: newBooking.extend({
      price: z.object({ amount: z.number(), currency: z.string() }),
      payBy: z.iso.datetime(),
    }),
    BookingHeld: payload<{ guestId: string }>(),
    BookingRejected: payload<{ guestId: string; reason: string }>(),
    BookingPaid: payload<{ guestId: string; amount: number }>(),
    BookingWithdrawn: payload<{ guestId: string; roomId: string; reason: string }>(),
  },
  {
    // The first release had prices without a currency, and said cancelled for withdrawn.
    upcasts: {
      BookingRequested: {
        1: (old: { guestId: string; roomId: string; nights: string[]; price: number; payBy: string }) => ({
          ...old,
          price: { amount: old.price, currency: 'EUR' },
        }),
      },
      BookingCancelled: 'BookingWithdrawn',
    },
  },
)

type Requested = {
  guestId: string
  roomId: string
  nights: string[]
  price: { amount: number; currency: string }
  payBy: string
}

export type BookingCommand =
  | ({ kind: 'request' } & Requested)
  | { kind: 'hold' | 'expire' }
  | { kind: 'reject' | 'cancel'; reason: string }
  | { kind: 'pay'; amount: number }

type BookingState =
  | { status: 'none' }
  | (Requested & { status: 'requested' | 'held' | 'rejected' | 'paid' | 'withdrawn' })

export const booking = bookingEvents.decider({
  initialState: (): BookingState => ({ status: 'none' }),
  decide(command: BookingCommand, state) {
    if (command.kind === 'request') {
      if (state.status !== 'none') throw new Refusal('booking-exists', 'This booking exists already')
      const { kind, ...data } = command
      return { type: 'BookingRequested', data }
    }
    if (state.status === 'none') throw new Refusal('no-such-booking', 'There is no such booking')
    const { guestId, roomId, status, price } = state
    const isOpen = status === 'requested' || status === 'held'
    switch (command.kind) {
      case 'hold':
        return status === 'requested' ? { type: 'BookingHeld', data: { guestId } } : undefined
      case 'reject':
        if (status !== 'requested') return undefined
        return { type: 'BookingRejected', data: { guestId, reason: command.reason } }
      case 'pay':
        if (status !== 'held') throw new Refusal('not-payable', `A ${status} booking cannot be paid for`)
        if (command.amount !== price.amount)
          throw new Refusal('wrong-amount', `The price is ${price.amount} ${price.currency}`)
        return { type: 'BookingPaid', data: { guestId, amount: command.amount } }
      case 'cancel':
        if (!isOpen && status !== 'paid') return undefined
        return { type: 'BookingWithdrawn', data: { guestId, roomId, reason: command.reason } }
      case 'expire':
        if (!isOpen) return undefined
        return { type: 'BookingWithdrawn', data: { guestId, roomId, reason: 'not paid in time' } }
    }
  },
  evolve(state, { type, data }) {
    if (type === 'BookingRequested') return { status: 'requested', ...data }
    if (state.status === 'none') return state
    switch (type) {
      case 'BookingHeld':
        return { ...state, status: 'held' }
      case 'BookingRejected':
        return { ...state, status: 'rejected' }
      case 'BookingPaid':
        return { ...state, status: 'paid' }
      case 'BookingWithdrawn':
        return { ...state, status: 'withdrawn' }
    }
  },
})
