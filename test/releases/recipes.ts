/**
 * The ways in which a team changes its events: for each of them, the catalogue of the release before the change, of the
 * first deployment, which reads the new form and still writes the old one, and of the last one. `docs/changing-events.md`
 * explains each recipe.
 */
import { type Catalogue, defineEvents, type Event, payload, type UnreadableReason } from '@eventsourced/core'

export type Release = 'before' | 'first' | 'after'

interface Deployed {
  readonly events: Catalogue
  /** The events that the release appends. */
  readonly writes: readonly Event[]
}

export interface Recipe {
  /** The section of the page. */
  readonly heading: string
  readonly before: Deployed
  /** Undefined if one deployment is enough. */
  readonly first: Deployed | undefined
  readonly after: Deployed
  /** Why a process of the release before cannot read what the last one writes; undefined if it can. */
  readonly unreadable: UnreadableReason | undefined
  /** The types that the last release reads as none. */
  readonly dropped?: readonly string[]
  /** What the events of the release before are in the last one. */
  readonly today: readonly Event[]
}

interface Guest {
  readonly guest: string
}
interface Priced extends Guest {
  readonly price: number
}
interface PricedIn extends Guest {
  readonly price: { readonly amount: number; readonly currency: string }
}
interface Moved {
  readonly from: string
  readonly to: string
}
interface Named {
  readonly guestName: string
}
interface Night {
  readonly night: string
}

const moved = { type: 'Moved', data: { from: 'mo', to: 'tu' } }
const parts = [
  { type: 'Released', data: { night: 'mo' } },
  { type: 'Reserved', data: { night: 'tu' } },
]

const priceBefore = { type: 'Booked', data: { guest: 'Ada', price: 90 } }
const priceAfter = { type: 'Booked', data: { guest: 'Ada', price: { amount: 90, currency: 'EUR' } } }
const priceUpcasts = {
  Booked: {
    1: ({ guest, price }: Priced) => ({ guest, price: { amount: price, currency: 'EUR' } }),
  },
}

const fieldUpcasts = { Booked: { 1: ({ guest }: Guest) => ({ guestName: guest }) } }

const withName = { type: 'Booked', data: { guestId: 'g1', name: 'Ada' } }
const withoutName = { type: 'Booked', data: { guestId: 'g1' } }
const nameUpcasts = { Booked: { 1: ({ guestId }: { guestId: string; name: string }) => ({ guestId }) } }

export const recipes: Readonly<Record<string, Recipe>> = {
  'adding an event': {
    heading: 'Add an event',
    before: {
      events: defineEvents({ Booked: payload<Guest>() }),
      writes: [{ type: 'Booked', data: { guest: 'Ada' } }],
    },
    first: {
      // It handles the new event, and does not write it.
      events: defineEvents({ Booked: payload<Guest>(), Arrived: payload<Guest>() }),
      writes: [{ type: 'Booked', data: { guest: 'Ada' } }],
    },
    after: {
      events: defineEvents({ Booked: payload<Guest>(), Arrived: payload<Guest>() }),
      writes: [
        { type: 'Booked', data: { guest: 'Ada' } },
        { type: 'Arrived', data: { guest: 'Ada' } },
      ],
    },
    unreadable: 'unknown-type',
    today: [{ type: 'Booked', data: { guest: 'Ada' } }],
  },
  'adding an optional field': {
    heading: 'Add an optional field',
    before: {
      events: defineEvents({ Booked: payload<Guest>() }),
      writes: [{ type: 'Booked', data: { guest: 'Ada' } }],
    },
    first: undefined,
    after: {
      events: defineEvents({ Booked: payload<Guest & { readonly note?: string }>() }),
      writes: [{ type: 'Booked', data: { guest: 'Ada', note: 'likes silence' } }],
    },
    unreadable: undefined,
    today: [{ type: 'Booked', data: { guest: 'Ada' } }],
  },
  'adding a required field': {
    heading: 'Add a required field',
    before: {
      events: defineEvents({ Booked: payload<Guest>() }),
      writes: [{ type: 'Booked', data: { guest: 'Ada' } }],
    },
    first: {
      events: defineEvents(
        { Booked: payload<Guest & { readonly nights: number }>() },
        {
          upcasts: { Booked: { 1: ({ guest }: Guest) => ({ guest, nights: 1 }) } },
          writeAs: { Booked: { 1: ({ guest }) => ({ guest }) } },
        },
      ),
      writes: [{ type: 'Booked', data: { guest: 'Ada', nights: 1 } }],
    },
    after: {
      events: defineEvents(
        { Booked: payload<Guest & { readonly nights: number }>() },
        { upcasts: { Booked: { 1: ({ guest }: Guest) => ({ guest, nights: 1 }) } } },
      ),
      writes: [{ type: 'Booked', data: { guest: 'Ada', nights: 3 } }],
    },
    unreadable: 'newer-version',
    today: [{ type: 'Booked', data: { guest: 'Ada', nights: 1 } }],
  },
  'renaming a field': {
    heading: 'Rename a field, or change its type',
    before: {
      events: defineEvents({ Booked: payload<Guest>() }),
      writes: [{ type: 'Booked', data: { guest: 'Ada' } }],
    },
    first: {
      events: defineEvents(
        { Booked: payload<Named>() },
        { upcasts: fieldUpcasts, writeAs: { Booked: { 1: ({ guestName }) => ({ guest: guestName }) } } },
      ),
      writes: [{ type: 'Booked', data: { guestName: 'Ada' } }],
    },
    after: {
      events: defineEvents({ Booked: payload<Named>() }, { upcasts: fieldUpcasts }),
      writes: [{ type: 'Booked', data: { guestName: 'Ada' } }],
    },
    unreadable: 'newer-version',
    today: [{ type: 'Booked', data: { guestName: 'Ada' } }],
  },
  'changing the type of a field': {
    heading: 'Rename a field, or change its type',
    before: { events: defineEvents({ Booked: payload<Priced>() }), writes: [priceBefore] },
    first: {
      events: defineEvents(
        { Booked: payload<PricedIn>() },
        {
          upcasts: priceUpcasts,
          writeAs: { Booked: { 1: ({ guest, price }) => ({ guest, price: price.amount }) } },
        },
      ),
      writes: [priceAfter],
    },
    after: {
      events: defineEvents({ Booked: payload<PricedIn>() }, { upcasts: priceUpcasts }),
      writes: [{ type: 'Booked', data: { guest: 'Ada', price: { amount: 90, currency: 'USD' } } }],
    },
    unreadable: 'newer-version',
    today: [priceAfter],
  },
  'renaming a type': {
    heading: 'Rename a type',
    before: {
      events: defineEvents({ Cancelled: payload<Guest>() }),
      writes: [{ type: 'Cancelled', data: { guest: 'Ada' } }],
    },
    first: {
      events: defineEvents(
        { Withdrawn: payload<Guest>() },
        { upcasts: { Cancelled: 'Withdrawn' }, writeAs: { Withdrawn: 'Cancelled' } },
      ),
      writes: [{ type: 'Withdrawn', data: { guest: 'Ada' } }],
    },
    after: {
      events: defineEvents({ Withdrawn: payload<Guest>() }, { upcasts: { Cancelled: 'Withdrawn' } }),
      writes: [{ type: 'Withdrawn', data: { guest: 'Ada' } }],
    },
    unreadable: 'unknown-type',
    today: [{ type: 'Withdrawn', data: { guest: 'Ada' } }],
  },
  'splitting an event': {
    heading: 'Split an event',
    before: { events: defineEvents({ Moved: payload<Moved>() }), writes: [moved] },
    first: {
      // It handles both forms, and writes the old one.
      events: defineEvents({
        Moved: payload<Moved>(),
        Released: payload<Night>(),
        Reserved: payload<Night>(),
      }),
      writes: [moved],
    },
    after: {
      events: defineEvents(
        { Released: payload<Night>(), Reserved: payload<Night>() },
        {
          upcasts: {
            Moved: {
              Released: ({ from }: Moved) => ({ night: from }),
              Reserved: ({ to }: Moved) => ({ night: to }),
            },
          },
        },
      ),
      writes: parts,
    },
    unreadable: 'unknown-type',
    today: parts,
  },
  'not reading an event any more': {
    heading: 'Stop reading an event',
    before: {
      events: defineEvents({ Booked: payload<Guest>(), Noted: payload<object>() }),
      writes: [
        { type: 'Noted', data: { text: 'likes silence' } },
        { type: 'Booked', data: { guest: 'Ada' } },
      ],
    },
    first: undefined,
    after: {
      events: defineEvents({ Booked: payload<Guest>() }, { upcasts: { Noted: {} } }),
      writes: [{ type: 'Booked', data: { guest: 'Bo' } }],
    },
    unreadable: undefined,
    dropped: ['Noted'],
    today: [{ type: 'Booked', data: { guest: 'Ada' } }],
  },
  'removing personal data': {
    heading: 'Remove personal data',
    before: {
      events: defineEvents({ Booked: payload<{ guestId: string; name: string }>() }),
      writes: [withName],
    },
    first: {
      events: defineEvents(
        { Booked: payload<{ guestId: string }>() },
        { upcasts: nameUpcasts, writeAs: { Booked: { 1: ({ guestId }) => ({ guestId, name: '' }) } } },
      ),
      writes: [withoutName],
    },
    after: {
      events: defineEvents({ Booked: payload<{ guestId: string }>() }, { upcasts: nameUpcasts }),
      writes: [withoutName],
    },
    unreadable: 'newer-version',
    today: [withoutName],
  },
}
