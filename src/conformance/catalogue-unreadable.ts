/** Stores with an event that their catalogue cannot read, for each reason. */
import { defineEvents, payload } from '../catalogue/define-events.ts'
import type { EventDefinitions } from '../catalogue/definitions.ts'
import type { UnreadableReason } from '../errors/index.ts'
import type { Event } from '../event.ts'
import type { EventStore } from '../store.ts'
import type { StoreOptions } from '../store-options.ts'
import type { Capability, ConformanceContext } from './case.ts'
import { remember } from './catalogue-hotel.ts'

/** Why a catalogue cannot read an event of type 'Old'. */
export interface Unreadable {
  readonly name: string
  readonly reason: UnreadableReason
  /** The stored version of the event. */
  readonly schemaVersion: number
  readonly needs: readonly Capability[]
  /** The catalogue, if it never reads the event. It refuses to import the event, so another store must write it. */
  readonly events?: EventDefinitions<Event>
  /** The upcast of the event, if it breaks after the import. */
  readonly upcast?: () => unknown
}

const needs: readonly Capability[] = ['shared-data']

export const unreadables: readonly Unreadable[] = [
  {
    name: 'an event of an unknown type',
    reason: 'unknown-type',
    schemaVersion: 1,
    needs,
    events: defineEvents({ Good: payload<object>(), Better: payload<object>() }),
  },
  {
    name: 'an event of a newer version',
    reason: 'newer-version',
    schemaVersion: 2,
    needs,
    events: defineEvents({ Good: payload<object>(), Old: payload<object>() }),
  },
  {
    name: 'an event of an older version',
    reason: 'older-version',
    schemaVersion: 1,
    needs,
    events: defineEvents(
      { Good: payload<object>(), Old: payload<object>() },
      { upcasts: { Old: { 2: (old: object) => old } } },
    ),
  },
  failingUpcast('an event whose upcast throws', () => {
    throw new TypeError('broken')
  }),
  failingUpcast('an event whose upcast throws a value that has no text', () => {
    throw Object.create(null)
  }),
  failingUpcast('an event whose upcast returns nothing', () => undefined),
  failingUpcast('an event whose upcast returns a promise', async () => ({})),
  failingUpcast('an event whose upcast returns a rejected promise', () => Promise.reject(new Error('later'))),
]

function failingUpcast(name: string, upcast: () => unknown): Unreadable {
  return { name, reason: 'upcast-failed', schemaVersion: 1, needs: [], upcast }
}

/**
 * Opens a store with two good events of stream 'a', and one between them that its catalogue cannot read. Its inline
 * projections contain all three: they were written by a process that could read them.
 */
export async function openUnreadable(
  { open }: Pick<ConformanceContext, 'open'>,
  { events, upcast, schemaVersion }: Unreadable,
  inline: NonNullable<StoreOptions['inline']> = [],
): Promise<EventStore> {
  if (events !== undefined) {
    await rememberBetween(await open({ inline }), schemaVersion)
    return open({ events, inline })
  }
  let isBroken = false
  const step = (old: object) => (isBroken ? (upcast?.() as object) : old)
  const breaking = defineEvents(
    { Good: payload<object>(), Old: payload<object>() },
    { upcasts: { Old: { 1: step } } },
  )
  const store = await open({ events: breaking, inline })
  await rememberBetween(store, schemaVersion)
  isBroken = true
  return store
}

/** Opens the store of a newer process, which can read the event. */
export function openNewer({ open }: Pick<ConformanceContext, 'open'>): Promise<EventStore> {
  const upcasts = { Old: { 1: (old: object) => old } }
  return open({ events: defineEvents({ Good: payload<object>(), Old: payload<object>() }, { upcasts }) })
}

async function rememberBetween(store: EventStore, schemaVersion: number): Promise<void> {
  await remember(store, 'a', [
    { type: 'Good', data: { number: 1 } },
    { type: 'Old', data: { number: 2 }, schemaVersion },
    { type: 'Good', data: { number: 3 } },
  ])
}
