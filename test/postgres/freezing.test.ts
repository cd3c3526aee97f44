/**
 * With the storage parameters of `events`, autovacuum freezes new events soon and in small parts. With the settings of
 * the server, it would freeze none of them for a long time, and then read and write the whole table at once.
 */
import { postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { range } from '../../src/conformance/events.ts'
import { type OwnServer, startOwnServer } from './own-server.ts'

const threshold = 20_000

let server: OwnServer
let client: pg.Client

beforeAll(async () => {
  server = await startOwnServer(['fsync=off', 'autovacuum_naptime=1s'])
  client = new pg.Client({ connectionString: server.url })
  await client.connect()
})

afterAll(async () => {
  await client.end()
  await server.remove()
})

it('autovacuum freezes each part of a growing log when it has grown by the threshold', async () => {
  const events = range(1, 1_000).map((n) => ({ type: 'Filled', data: { n, text: 'x'.repeat(50) } }))
  for (const part of range(1, 3)) {
    const store = postgresStore(server.url)
    await store.schema.create()
    // Smaller parts than in production, so that the test is short. The other parameters are those of the migration.
    await client.query(
      `alter table eventsourced.events set (autovacuum_vacuum_insert_threshold = ${threshold})`,
    )
    for (const nth of range(0, threshold / events.length)) await store.append(`${part} ${nth}`, events)
    // A session reports its inserts when it ends, or after up to ten seconds.
    await store.close()
    await expect
      .poll(async () => (await client.query(state)).rows[0], { timeout: 30_000, interval: 100 })
      .toEqual({ has_pages: true, unfrozen: 0, vacuums: part })
  }
})

const state = `
  select relpages > 300 as has_pages, relpages - relallfrozen as unfrozen, s.autovacuum_count::int as vacuums
  from pg_class c join pg_stat_user_tables s on s.relid = c.oid
  where c.oid = 'eventsourced.events'::regclass`
