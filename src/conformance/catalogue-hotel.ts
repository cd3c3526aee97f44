/** A hotel whose events have changed over the years: its stored history, its catalogue, and what that history is today. */
import { defineEvents, payload } from '../catalogue/define-events.ts'
import type { EventDefinitions } from '../catalogue/definitions.ts'
import type { Event, RecordedEvent } from '../event.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceContext } from './case.ts'

interface Requested {
  readonly guest: string
  readonly nights: readonly string[]
  readonly price: { readonly amount: number; readonly currency: string }
}

interface Nights {
  readonly nights: readonly string[]
}

interface Moved {
  readonly from: readonly string[]
  readonly to: readonly string[]
}

export type HotelEvent =
  | Event<'Requested', Requested>
  | Event<'Withdrawn', { readonly reason: string }>
  | Event<'Released', Nights>
  | Event<'Reserved', Nights>

/** Counts the calls of upcasts. */
export interface Calls {
  count: number
}

/** Returns the catalogue of today. It has two versions before today's of one event, a rename, a split and a dropped event. */
export function hotel(
  calls: Calls = { count: 0 },
  unknown: 'refuse' | 'skip' = 'refuse',
): EventDefinitions<HotelEvent> {
  const counted = <T>(value: T): T => {
    calls.count++
    return value
  }
  return defineEvents(
    {
      Requested: payload<Requested>(),
      Withdrawn: payload<{ readonly reason: string }>(),
      Released: payload<Nights>(),
      Reserved: payload<Nights>(),
    },
    {
      unknown,
      upcasts: {
        Requested: {
          1: ({ night, ...old }: { guest: string; night: string; price: number }) =>
            counted({ ...old, nights: [night] }),
          2: (old: { guest: string; nights: string[]; price: number }) => ({
            ...old,
            price: { amount: old.price, currency: 'EUR' },
          }),
        },
        Cancelled: 'Withdrawn',
        Moved: {
          Released: ({ from }: Moved) => counted(from.length === 0 ? undefined : { nights: from }),
          Reserved: ({ to }: Moved) => ({ nights: to }),
        },
        Noted: {},
      },
    },
  )
}

/** An event as some release has stored it, and what it is today. */
interface Memory {
  readonly stored: { readonly type: string; readonly data: unknown; readonly schemaVersion?: number }
  readonly today: readonly { readonly type: HotelEvent['type']; readonly data: unknown }[]
}

const requested = (guest: string, night: string): Memory['today'] => [
  { type: 'Requested', data: { guest, nights: [night], price: { amount: 90, currency: 'EUR' } } },
]

/** One event in each form that the hotel has ever stored. */
export const memories: readonly Memory[] = [
  {
    stored: { type: 'Requested', data: { guest: 'Ada', night: 'mo', price: 90 } },
    today: requested('Ada', 'mo'),
  },
  { stored: { type: 'Noted', data: { text: 'likes silence' } }, today: [] },
  {
    stored: { type: 'Moved', data: { from: ['mo'], to: ['tu', 'we'] } },
    today: [
      { type: 'Released', data: { nights: ['mo'] } },
      { type: 'Reserved', data: { nights: ['tu', 'we'] } },
    ],
  },
  {
    stored: { type: 'Requested', data: { guest: 'Bo', nights: ['th'], price: 90 }, schemaVersion: 2 },
    today: requested('Bo', 'th'),
  },
  {
    stored: { type: 'Moved', data: { from: [], to: ['fr'] } },
    today: [{ type: 'Reserved', data: { nights: ['fr'] } }],
  },
  {
    stored: { type: 'Cancelled', data: { reason: 'ill' } },
    today: [{ type: 'Withdrawn', data: { reason: 'ill' } }],
  },
  {
    stored: { type: 'Reserved', data: { nights: ['sa'] } },
    today: [{ type: 'Reserved', data: { nights: ['sa'] } }],
  },
  {
    stored: {
      type: 'Requested',
      data: { guest: 'Cy', nights: ['su'], price: { amount: 90, currency: 'EUR' } },
      schemaVersion: 3,
    },
    today: requested('Cy', 'su'),
  },
]

/** Stores events in a form of an earlier release, as that release would have appended them. */
export async function remember(
  store: EventStore,
  streamId: string,
  stored: readonly Memory['stored'][],
): Promise<void> {
  const name = `${streamId} ${(await store.streamInfo(streamId))?.version ?? 0}`
  const source = stored.map(({ type, data, schemaVersion }) => ({
    streamId,
    type,
    data,
    metadata:
      (schemaVersion ?? 1) === 1 ? { userId: 'ann' } : { userId: 'ann', $schemaVersion: schemaVersion },
  }))
  await store.import(source, { name, shape: 'stored' })
}

/** Opens a store with the catalogue of today whose stream 'a' has one event in each form. */
export async function openHotel(
  { open }: Pick<ConformanceContext, 'open'>,
  events: EventDefinitions<HotelEvent> = hotel(),
): Promise<EventStore> {
  const store = await open({ events })
  await remember(
    store,
    'a',
    memories.map(({ stored }) => stored),
  )
  return store
}

/** The event without what the store has added. */
export function plain(events: readonly RecordedEvent[]): { type: string; data: unknown }[] {
  return events.map(({ type, data }) => ({ type, data }))
}

/** What some of the memories are today. */
export function todayOf(some: readonly Memory[] = memories): Memory['today'] {
  return some.flatMap(({ today }) => today)
}
