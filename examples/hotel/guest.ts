/** A guest. The events hold personal data sealed, so that erasing the key of a guest erases the data. */
import { defineEvents, payload } from '@eventsourced/core'
import * as z from 'zod'
import { Refusal } from './refusal.ts'

export const newGuest = z.object({ name: z.string(), email: z.email() })

export const guestEvents = defineEvents({
  /** `emailKey`: a keyed hash of the address, by which an address is found without the sealed data. */
  GuestRegistered: payload<{ sealed: string; emailKey: string }>(),
  GuestErased: payload<{ emailKey: string }>(),
})

export type GuestCommand = { kind: 'register'; sealed: string; emailKey: string } | { kind: 'erase' }

export const guest = guestEvents.decider({
  initialState: () => ({ status: 'unknown', sealed: '', emailKey: '' }),
  decide(command: GuestCommand, { status, emailKey }) {
    if (command.kind === 'register') {
      if (status !== 'unknown') throw new Refusal('guest-exists', 'This guest is registered already')
      return { type: 'GuestRegistered', data: { sealed: command.sealed, emailKey: command.emailKey } }
    }
    if (status === 'unknown') throw new Refusal('no-such-guest', 'There is no such guest')
    return status === 'erased' ? undefined : { type: 'GuestErased', data: { emailKey } }
  },
  evolve: {
    GuestRegistered: (_, { sealed, emailKey }) => ({ status: 'registered', sealed, emailKey }),
    GuestErased: (state) => ({ ...state, status: 'erased' }),
  },
})
