/** `store.inTransaction(…)` through a catalogue, on every driver: it validates, writes and reads as the store does. */
import { commandHandler, defineEvents, payload, type RecordedEvent } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'
import { drivers, type TransactionDriver } from './transaction-drivers.ts'

interface Price {
  readonly amount: number
  readonly currency: string
}

const bookings = defineEvents(
  {
    Priced: payload<Price>(),
    Withdrawn: payload<{ readonly reason: string }>(),
    Released: payload<{ readonly night: string }>(),
    Reserved: payload<{ readonly night: string }>(),
  },
  {
    upcasts: {
      Priced: { 1: (amount: number) => ({ amount, currency: 'EUR' }) },
      Cancelled: 'Withdrawn',
      Moved: {
        Released: ({ from }: { from: string; to: string }) => ({ night: from }),
        Reserved: ({ to }: { from: string; to: string }) => ({ night: to }),
      },
    },
    writeAs: { Withdrawn: 'Cancelled' },
  },
)

const listed = bookings.projection({
  name: 'listed',
  key: ({ streamId }) => streamId,
  initialState: (): string[] => [],
  evolve: (types, { type }) => [...types, type],
})

const booking = bookings.decider({
  initialState: () => 0,
  decide: (reason: string, _count) => ({ type: 'Withdrawn', data: { reason } }),
  evolve: (count) => count + 1,
})

const typesOf = (events: readonly RecordedEvent[]) => events.map(({ type }) => type)

let database: FreshDatabase

beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())

describe.each(Object.entries(drivers))('with %s', (name, openDriver) => {
  let driver: TransactionDriver
  let store: PostgresStore

  beforeAll(async () => {
    driver = await openDriver(database.url)
    const schema = `catalogue_${name.toLowerCase().replaceAll(/[^a-z]/g, '_')}`
    store = postgresStore(driver.connection, { schema, events: bookings, inline: [listed] })
    await store.schema.create()
    const moved = { streamId: 'a', type: 'Moved', data: { from: 'mo', to: 'tu' } }
    await store.import([moved], { name: 'past', shape: 'stored' })
  })

  afterAll(async () => {
    await store.close()
    await driver.close()
  })

  it('writes the stored form, and reads and projects the events of today', async () => {
    await driver.transact('read committed', async ({ handle }) => {
      const inside = store.inTransaction(handle)
      const handleCommand = commandHandler({ store: inside, decider: booking })
      await inside.append('a', [{ type: 'Priced', data: { amount: 9, currency: 'USD' } }], {
        expectedVersion: 1,
      })
      const { state, version, events } = await handleCommand('a', 'ill')
      expect([state, version, typesOf(events)]).toEqual([4, 3, ['Withdrawn']])
      expect(typesOf((await inside.readStream('a')).events)).toEqual([
        'Released',
        'Reserved',
        'Priced',
        'Withdrawn',
      ])
    })
    const stored = (await store.raw.readStream('a')).events
    expect(stored.map(({ type, metadata }) => [type, metadata.$schemaVersion])).toEqual([
      ['Moved', undefined],
      ['Priced', 2],
      ['Cancelled', undefined],
    ])
    expect((await store.view(listed).get('a'))?.state).toEqual([
      'Released',
      'Reserved',
      'Priced',
      'Withdrawn',
    ])
  })

  it('refuses what does not fit, and leaves the transaction usable', async () => {
    await driver.transact('read committed', async ({ handle }) => {
      const inside = store.inTransaction(handle)
      const wrong = [{ type: 'Cancelled', data: { reason: 'ill' } }]
      await expect(inside.append('b', wrong as never)).rejects.toMatchObject({ code: 'invalid-event' })
      await expect(inside.appendAll([{ streamId: 'b', events: wrong as never }])).rejects.toMatchObject({
        code: 'invalid-event',
      })
      await inside.append('b', [{ type: 'Reserved', data: { night: 'we' } }])
    })
    expect(typesOf((await store.readStream('b')).events)).toEqual(['Reserved'])
  })

  it('keeps no snapshots: they would be written when the transaction is over', async () => {
    await driver.transact('read committed', async ({ handle }) => {
      const inside = store.inTransaction(handle)
      const snapshot = { name: 'bookings', version: 1 }
      expect(() => commandHandler({ store: inside, decider: booking, snapshot })).toThrow(
        'store must have snapshots, because the option snapshot is given',
      )
    })
  })
})
