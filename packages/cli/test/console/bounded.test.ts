/** What a page of a list reads on Postgres: some rows, and not more of them in a larger store. */
import { decider, type ImportedEvent, projection, type RecordedEvent } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createDatabase, type TestDatabase } from '../../../../test/database.ts'
import { stores } from '../../../../test/stores.ts'
import { console } from '../../src/console/console.ts'
import { pathOf } from './api.ts'

const streams = 4_000
const eventsPerStream = 5
const numberOf = (event: RecordedEvent) => (event.data as { number: number }).number
const sales = projection({
  name: 'sales',
  version: 1,
  key: ({ streamId }: RecordedEvent) => streamId,
  initialState: () => ({ sum: 0 }),
  evolve: ({ sum }, event) => ({ sum: sum + numberOf(event) }),
})
const sum = decider({
  initialState: () => 0,
  decide: () => undefined,
  evolve: (before: number, event: RecordedEvent) => before + numberOf(event),
})

async function* history(): AsyncGenerator<ImportedEvent> {
  for (let index = 0; index < streams * eventsPerStream; index++) {
    const streamId = `order-${String(index % streams).padStart(5, '0')}`
    const type = index % 7 === 0 ? 'Placed' : 'Noted'
    yield { streamId, type, data: { number: index }, recordedAt: new Date(index) }
  }
}

describe.runIf(stores.some(({ name }) => name === 'pg'))('a page of a list', () => {
  let database: TestDatabase
  let admin: pg.Client

  beforeAll(async () => {
    database = await createDatabase(inject('servers').postgres)
    admin = new pg.Client({ connectionString: database.url })
    await admin.connect()
    const store = postgresStore(database.url)
    await store.import(history(), { name: 'history' })
    await store.runOnce({ projection: sales })
    await store.runOnce({
      name: 'letters',
      types: ['Placed'],
      onError: { retries: 0, action: 'park' },
      handle() {
        throw new Error('no letter today')
      },
    })
    await store.close()
    await admin.query('vacuum analyze')
  }, 180_000)
  afterAll(async () => {
    await admin?.end()
    await database?.drop()
  })

  /** The rows that the server has read in the tables of the store. A connection reports what it read when it ends. */
  async function rowsRead(): Promise<number> {
    await admin.query('select pg_stat_clear_snapshot()')
    const { rows } = await admin.query(
      'select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int as rows from pg_stat_user_tables',
    )
    return rows[0].rows
  }

  /** The rows that a request has read, with those of opening the store. */
  async function rowsOf(path: string): Promise<number> {
    const before = await rowsRead()
    const store = postgresStore(database.url)
    const app = console({ store, deciders: { sum } })
    const response = await app.request(path)
    expect([path, response.status]).toEqual([path, 200])
    await app.close()
    await store.close()
    return (await rowsRead()) - before
  }

  const middle = { order: 'id', after: 'order-02000' }
  it.each([
    ['/overview', {}],
    ['/streams', {}],
    ['/streams', middle],
    ['/streams', { prefix: 'order-03' }],
    ['/streams', { order: 'newest' }],
    ['/stream', { id: 'order-00001' }],
    ['/stream', { id: 'order-00001', direction: 'backward' }],
    ['/state', { id: 'order-00001', decider: 'sum' }],
    ['/log', {}],
    ['/log', { before: 10_000 }],
    ['/log', { type: 'Placed' }],
    ['/documents', { projection: 'sales' }],
    ['/documents', { projection: 'sales', after: 'order-02000' }],
    ['/projections', {}],
    ['/subscriptions', {}],
    ['/parked', { subscription: 'letters' }],
    ['/parked', { subscription: 'letters', after: 10_000 }],
  ] as const)('reads few rows: %s %o', async (path, query) => {
    // The store has 20,000 events, 4,000 streams, 4,000 documents and 2,858 parked events.
    expect(await rowsOf(pathOf(path, query))).toBeLessThan(1_000)
  })

  it('is measured: all streams are read for the largest ones', async () => {
    expect(await rowsOf(pathOf('/streams', { order: 'largest' }))).toBeGreaterThan(streams - 1)
  })
})
