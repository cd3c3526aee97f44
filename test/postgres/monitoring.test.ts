/** The views that say how a store is: for a role that may read nothing else. */
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { counted } from '../../src/conformance/events.ts'
import type { RegisteredSubscription } from '../../src/storage/registry.ts'
import type { Lease } from '../../src/storage/subscriptions.ts'
import { bareStorage, definitionOf, keep, parkedAt } from './bare-storage.ts'
import { type FreshDatabase, freshDatabase, serverUrl } from './fresh-database.ts'

let database: FreshDatabase
let store: PostgresStore
/** A session of the monitoring role. */
let monitor: pg.Client
const role = `monitor_${Math.random().toString(36).slice(2)}`
const readable = ['monitored_log', 'monitored_subscriptions', 'monitored_tables', 'event_positions']

beforeAll(async () => {
  database = await freshDatabase()
  store = postgresStore(database.url)
  await store.append('a', counted(3))
  const named = readable.map((name) => `eventsourced.${name}`).join(', ')
  await database.query(`
    create role ${role} in role pg_monitor;
    grant usage on schema eventsourced to ${role};
    grant select on ${named} to ${role}`)
  monitor = await database.session()
  await monitor.query(`set role ${role}`)
})

afterAll(async () => {
  await store.close()
  await database.drop()
  const server = new pg.Client({ connectionString: serverUrl() })
  await server.connect()
  await server.query(`drop role ${role}`).finally(() => server.end())
})

it('the log: how far it reaches, and which session holds readers back since when', async () => {
  const [idle] = (await monitor.query('select * from eventsourced.monitored_log')).rows
  expect(idle).toMatchObject({
    head: '3',
    frontier: '3',
    last_position: '3',
    held_by: null,
    held_since: null,
  })
  expect(idle.last_recorded_at).toBeInstanceOf(Date)

  const writer = await database.session('slow writer')
  await writer.query('begin')
  const [{ pid }] = (await writer.query('select pg_backend_pid() as pid')).rows
  await store.inTransaction(writer).append('b', counted(1))
  await store.append('c', counted(1))
  const [held] = (await monitor.query('select * from eventsourced.monitored_log')).rows
  expect(held).toMatchObject({ head: '5', frontier: '3', last_position: '5', held_by: pid })
  expect(held.held_since).toBeInstanceOf(Date)
  await writer.query('rollback')
})

it('the subscriptions: how far each is behind and since when, who has it, and what is parked', async () => {
  const storage = bareStorage(database.url)
  const definition = definitionOf({ partitions: 2 })
  const done = await storage.createSubscription('done', definition, 0)
  const [first, second] = (await keep(storage, done, 'worker')).leases as [Lease, Lease]
  const end = await storage.lastPosition()
  await storage.advance([{ lease: second, position: end }])
  await storage.park(first, [parkedAt(1), parkedAt(2, { state: 'blocked' })], end - 1)
  await storage.createSubscription('removed', definition, 0)
  await storage.removeSubscription((await storage.readSubscription('removed')) as RegisteredSubscription)
  const old = await storage.createSubscription('old', definitionOf(), end)
  await storage.takeOverSubscription(old, 'successor', definitionOf({ kind: 'projection', version: 3 }))
  await storage.pauseSubscription('successor', true)
  await storage.close()

  const { rows } = await monitor.query(
    'select * from eventsourced.monitored_subscriptions order by subscription, partition',
  )
  const columns = { subscription: 'done', is_paused: false, kind: 'handler', version: 1, owner: 'worker' }
  const reached = { position: String(end), positions_behind: '0', waiting_since: null, parked: '0' }
  expect(rows).toEqual([
    {
      ...columns,
      partition: 0,
      position: String(end - 1),
      positions_behind: '1',
      waiting_since: expect.any(Date),
      parked: '2',
    },
    { ...columns, ...reached, partition: 1 },
    {
      ...reached,
      subscription: 'successor',
      partition: 0,
      is_paused: true,
      kind: 'projection',
      version: 3,
      owner: null,
    },
  ])
})

it('the tables: their size, their vacuuming, and how near a forced freeze is', async () => {
  await database.query('vacuum analyze eventsourced.events')
  const read = async () => (await monitor.query('select * from eventsourced.monitored_tables')).rows
  const rowOfEvents = async () => (await read()).find(({ table }) => table === 'events')
  expect((await read()).map(({ table }) => table)).toContain('streams')
  // Before PostgreSQL 15, statistics are up to half a second old.
  await expect.poll(async () => (await rowOfEvents()).vacuumed_at, { timeout: 10_000 }).toBeInstanceOf(Date)
  const events = await rowOfEvents()
  expect(Number(events.rows)).toBeGreaterThan(0)
  expect(Number(events.table_bytes)).toBeGreaterThan(0)
  expect(Number(events.index_bytes)).toBeGreaterThan(0)
  expect(Number(events.freeze_age)).toBeLessThan(0.1)
})

it('a role that may not read the sequence gets no wrong position', async () => {
  await database.query(`revoke all on eventsourced.event_positions from ${role}`)
  const [row] = (await monitor.query('select * from eventsourced.monitored_log')).rows
  expect(row).toMatchObject({ head: null, frontier: null })
  expect(Number(row.last_position)).toBeGreaterThan(0)
})

it('let the monitoring role read no event', async () => {
  await expect(monitor.query('select from eventsourced.events')).rejects.toMatchObject({ code: '42501' })
  await expect(monitor.query('select from eventsourced.recorded_events')).rejects.toMatchObject({
    code: '42501',
  })
})
