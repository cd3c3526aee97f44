/**
 * What the storage of subscriptions reads when there are many of them. Postgres makes a plan once per session, perhaps
 * while the tables are empty. So each session has planned on empty tables here, and then the tables grow.
 */
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { range } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import type { RegisteredSubscription } from '../../src/storage/registry.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { Lease } from '../../src/storage/subscriptions.ts'
import { bareStorage, beatOf, definitionOf, keep, parkedAt, registered } from './bare-storage.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const others = 20_000
const calls = 10

let database: FreshDatabase
const storages: Record<string, Storage> = {}
let small: readonly RegisteredSubscription[]
let large: RegisteredSubscription

const leasesOf = async (storage: Storage) => (await keep(storage, large, 'worker 3')).leases

/** Each call with the number of rows that it may read: little more than the rows of its own places. */
const operations: Readonly<Record<string, [rows: number, call: (storage: Storage) => Promise<unknown>]>> = {
  'a heartbeat for 50 subscriptions': [
    50 * 25,
    (storage) => storage.keepLeases(small.slice(0, 50).map((one) => beatOf(one, 'worker'))),
  ],
  'a heartbeat for 200 subscriptions': [
    200 * 25,
    (storage) => storage.keepLeases(small.map((one) => beatOf(one, 'worker'))),
  ],
  'a heartbeat of one of 10 workers on 1,000 partitions': [2 * 2_100, leasesOf],
  '100 checkpoints': [
    2 * 2_500,
    async (storage) =>
      storage.advance((await leasesOf(storage)).map((lease) => ({ lease, position: lease.position + 1 }))),
  ],
  'a handler that parks and unparks': [
    2 * 2_200,
    async (storage) => {
      const lease = (await leasesOf(storage))[0] as Lease
      await storage.park(lease, [parkedAt(1), parkedAt(2)], 2)
      await storage.retryParked(large.name, [1, 2])
      await storage.parkedToHandle(lease, 1)
      await storage.transaction('Unparking', (transaction) => transaction.unpark(lease, 1))
      await storage.skipParked(large.name, [2])
    },
  ],
  'status and lists': [
    2 * 2_100,
    async (storage) => {
      await storage.checkpoints(large.name)
      await storage.countParked(large.name)
      await storage.listParked('other 77', 0, 10)
      await storage.readSubscription(large.name)
      await storage.listSubscriptions('other 5', 10)
    },
  ],
  'changes of a subscription': [
    100,
    async (storage) => {
      const name = 'changed'
      const created = await storage.createSubscription(name, definitionOf({ partitions: 2 }), 0)
      await storage.pauseSubscription(name, true)
      await storage.changeSubscription(await registered(storage, name), { partitions: 3, position: 4 })
      const current = await registered(storage, name)
      await storage.takeOverSubscription(current, `${name} next`, definitionOf({ partitions: 4 }))
      await storage.removeSubscription(await registered(storage, `${name} next`))
      await storage.removeSubscription(await registered(storage, name))
      await storage.leave(String(created.place), 'worker')
    },
  ],
}

const load = `
  insert into eventsourced.subscriptions (name, place, kind, version, definition, partitions)
  select 'other ' || n, 'other ' || n, 'handler', 1, '{}', 5 from generate_series(1, ${others}) n;
  insert into eventsourced.checkpoints (place, partition, position, owner)
  select 'other ' || n, p, 0, 'other' from generate_series(1, ${others}) n, generate_series(0, 4) p;
  insert into eventsourced.workers (place, worker, alive_until)
  select 'other ' || n, 'other', now() + interval '1 hour' from generate_series(1, ${others}) n;
  insert into eventsourced.parked_events
    (place, partition, position, stream_id, event_id, type, state, failures, error, parked_at)
  select 'other 77', n % 5, n, 'stream ' || n % 100, gen_random_uuid(), 'A', 'blocked', 0, '', now()
  from generate_series(1, ${others}) n`

beforeAll(async () => {
  database = await freshDatabase()
  const creator = bareStorage(database.url)
  const tables = ['subscriptions', 'checkpoints', 'workers', 'parked_events']
  small = await Promise.all(
    range(1, 200).map((number) => creator.createSubscription(`small ${number}`, definitionOf(), 0)),
  )
  large = await creator.createSubscription('large', definitionOf({ partitions: 1_000 }), 0)
  // Without autovacuum there are no new statistics, which would cause new plans.
  for (const table of tables) {
    await database.query(`alter table eventsourced.${table} set (autovacuum_enabled = false)`)
  }
  for (let round = 0; round < 2; round++) {
    for (const number of range(1, 10)) {
      const { leases, share } = await keep(creator, large, `worker ${number}`)
      await creator.releaseLeases(leases.slice(share), `worker ${number}`)
    }
  }
  await creator.close()
  for (const [name, [, call]] of Object.entries(operations)) {
    const url = Object.assign(new URL(database.url), {
      search: `?application_name=${encodeURIComponent(name)}`,
    })
    const storage = bareStorage(url.href, { maxConnections: 1 })
    storages[name] = storage
    for (let number = 0; number < 8; number++) await call(storage)
  }
  const loader = await database.session()
  await loader.query(load)
  // A session reports its counters when it ends.
  await loader.end()
})

afterAll(async () => {
  await Promise.all(Object.values(storages).map((storage) => storage.close()))
  await database.drop()
})

/**
 * Returns how many live rows of the tables were read so far. Dead rows do not count: how many there are depends on the
 * transactions of other databases on the server, which keep Postgres from removing them.
 */
async function rowsRead(): Promise<number> {
  const [counters] = await database.query<{ rows: number }>(`
    select sum(seq_tup_read + idx_tup_fetch)::int as rows
    from pg_stat_user_tables where schemaname = 'eventsourced' and relname <> 'migrations'`)
  return counters?.rows ?? Number.NaN
}

it.each(Object.entries(operations))('%s: reads little more than it must', async (name, [rows, call]) => {
  const before = await rowsRead()
  const storage = storages[name] as Storage
  for (let number = 0; number < calls; number++) await call(storage)
  await storage.close()
  delete storages[name]
  const sessions = 'select from pg_stat_activity where datname = current_database() and application_name = $1'
  while ((await database.query(sessions, [name])).length > 0) await sleep(2)
  expect(((await rowsRead()) - before) / calls).toBeLessThan(rows)
})

it('a heartbeat scans no table, and only the checkpoints of its own places', async () => {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  const storage = bareStorage(client)
  const beat = (worker: string) =>
    storage.keepLeases([beatOf(large, 'worker 3'), beatOf(small[0] as RegisteredSubscription, worker)])
  await beat('worker')
  let plans = ''
  client.on('notice', ({ message }) => {
    plans += `${message}\n`
  })
  await client.query(`load 'auto_explain'; set auto_explain.log_min_duration = 0;
    set auto_explain.log_nested_statements = on; set client_min_messages = log`)
  await beat('late')
  await storage.close()
  await client.end()
  expect(plans).toContain('Index Scan using checkpoints_pkey on checkpoints')
  expect(plans).not.toMatch(/Seq Scan|Hash Join|Merge Join|Bitmap/)
})

it.each([1, 50])(
  'a heartbeat and the checkpoints of %i subscriptions take one statement each',
  async (count) => {
    const statements: string[] = []
    const storage = bareStorage(database.url, { afterStatement: ({ name }) => statements.push(name) })
    const beats = small.slice(0, count).map((one) => beatOf(one, 'worker'))
    await storage.keepLeases(beats)
    statements.length = 0
    const kept = await storage.keepLeases(beats)
    expect(statements).toEqual([expect.stringContaining('keep_leases')])
    const leases = kept.flatMap((answer) => (answer.kind === 'kept' ? answer.leases : []))
    expect(leases).toHaveLength(count)
    await storage.advance(leases.map((lease) => ({ lease, position: 9 })))
    await storage.releaseLeases(leases, 'worker')
    expect(statements.slice(1)).toEqual([
      expect.stringContaining('advance_checkpoints'),
      expect.stringContaining('release_leases'),
    ])
    await storage.close()
  },
)
