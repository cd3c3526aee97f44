/** A room, and who has it on which night. */
import { defineEvents } from '@eventsourced/core'
import * as z from 'zod'
import { Refusal } from './refusal.ts'

const reservation = z.object({ bookingId: z.string(), nights: z.array(z.iso.date()).min(1) })

export const newRoom = z.object({ number: z.string(), beds: z.number().int().positive(), price: z.number() })

export const roomEvents = defineEvents({
  RoomOpened: newRoom,
  NightsReserved: reservation,
  NightsReleased: reservation,
})

export type RoomCommand =
  | { kind: 'open'; number: string; beds: number; price: number }
  | { kind: 'reserve'; bookingId: string; nights: string[] }
  | { kind: 'release'; bookingId: string }

/** `taken`: the booking of each night that is not free. */
type RoomState = { isOpen: boolean; price: number; taken: Record<string, string> }

export const room = roomEvents.decider({
  initialState: (): RoomState => ({ isOpen: false, price: 0, taken: {} }),
  decide(command: RoomCommand, { isOpen, taken }) {
    if (command.kind === 'open') {
      if (isOpen) throw new Refusal('room-exists', 'The room is open already')
      const { number, beds, price } = command
      return { type: 'RoomOpened', data: { number, beds, price } }
    }
    if (!isOpen) throw new Refusal('no-such-room', 'There is no such room')
    const { bookingId } = command
    if (command.kind === 'release') {
      const nights = Object.keys(taken).filter((night) => taken[night] === bookingId)
      return nights.length === 0 ? undefined : { type: 'NightsReleased', data: { bookingId, nights } }
    }
    const { nights } = command
    if (nights.every((night) => taken[night] === bookingId)) return undefined
    const clash = nights.find((night) => taken[night] !== undefined)
    if (clash !== undefined) throw new Refusal('not-free', `The night of ${clash} is taken`)
    return { type: 'NightsReserved', data: { bookingId, nights } }
  },
  evolve: {
    RoomOpened: (state, { price }) => ({ ...state, isOpen: true, price }),
    NightsReserved: (state, { bookingId, nights }) => ({
      ...state,
      taken: { ...state.taken, ...Object.fromEntries(nights.map((night) => [night, bookingId])) },
    }),
    NightsReleased: (state, { nights }) => ({
      ...state,
      taken: Object.fromEntries(Object.entries(state.taken).filter(([night]) => !nights.includes(night))),
    }),
  },
})
