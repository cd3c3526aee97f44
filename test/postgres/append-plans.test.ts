/**
 * The plans of the statements inside the functions that append. Without fixed plans, a group costs about 600 µs of
 * server time whatever its size, mostly planning. A fixed plan may be made while the tables are empty, and must still be
 * right when they have grown.
 */
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { counted, identified, range } from '../../src/conformance/events.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const streamCount = 50_000

let database: FreshDatabase
let client: pg.Client
let store: PostgresStore
/** Per function: the plans of its statements, as text. */
const plans = new Map<string, string>()

async function appendInGroups(): Promise<void> {
  const repeated = identified(2)
  // The first one goes alone, the others share groups.
  await Promise.all(
    ['old-1', 'old-2', 'old-3', crypto.randomUUID(), crypto.randomUUID()].map((streamId) =>
      store.append(streamId, counted(2)),
    ),
  )
  await store.append('old-4', repeated)
  await Promise.all(range(1, 3).map(() => store.append('old-4', repeated, { expectedVersion: 0 })))
  await store.appendAll(
    ['old-1', 'old-5', crypto.randomUUID()].map((streamId) => ({ streamId, events: counted(2) })),
  )
}

beforeAll(async () => {
  database = await freshDatabase()
  client = await database.session('appender')
  store = postgresStore(client)
  await store.schema.create()
  for (const table of ['streams', 'events']) {
    // Without autovacuum there are no new statistics, which would cause new plans.
    await database.query(`alter table eventsourced.${table} set (autovacuum_enabled = false)`)
  }
  for (const number of range(1, 5)) await store.append(`old-${number}`, counted(1))
  for (const _ of range(1, 8)) await appendInGroups()
  await database.query(`
    insert into eventsourced.streams (stream_key, stream_id, version, created_at, last_recorded_at)
    select nextval('eventsourced.stream_keys'), 'loaded-' || n, 1, now(), now() from generate_series(1, ${streamCount}) n;
    insert into eventsourced.events (position, stream_key, version, recorded_at, event_id, type, data)
    select nextval('eventsourced.event_positions'), s.stream_key, 1, now(), gen_random_uuid(), 'Loaded', '{}'
    from eventsourced.streams s where s.stream_id like 'loaded-%'`)

  client.on('notice', ({ message = '', where = '' }) => {
    const [, name = 'no function'] = /function (?:"?eventsourced"?\.)?(\w+)/.exec(where) ?? []
    plans.set(name, `${plans.get(name) ?? ''}${message}\n`)
  })
  await client.query(`load 'auto_explain'; set auto_explain.log_min_duration = 0;
    set auto_explain.log_nested_statements = on; set client_min_messages = log`)
  await appendInGroups()
})

afterAll(async () => {
  await store.close()
  await database.drop()
})

it.each(['append_to_each', 'append_to_streams'])('%s has fixed plans, which look up keys', async (name) => {
  const [row] = await database.query<{ settings: string[] }>(
    `select proconfig as settings from pg_proc
     where pronamespace = 'eventsourced'::regnamespace and proname = $1`,
    [name],
  )
  expect(row?.settings).toEqual([
    'search_path=pg_catalog, pg_temp',
    'plan_cache_mode=force_generic_plan',
    'enable_seqscan=off',
    'enable_bitmapscan=off',
    'enable_hashjoin=off',
    'enable_mergejoin=off',
    'jit=off',
  ])
})

it.each(['append_to_each', 'append_to_streams'])('%s: no plan is made for one call only', (name) => {
  // A fixed plan expects 10 elements of each array. A plan for one call knows the number of its streams, and costs less.
  const scans = (plans.get(name) ?? '').matchAll(/Function Scan on unnest \w+ {2}\(cost=\S+ rows=(\d+)/g)
  const expected = [...scans].map(([, rows]) => rows)
  expect(expected.length).toBeGreaterThan(0)
  expect(expected).toEqual(expected.map(() => '10'))
})

const ofGroups = [
  'Index Scan using streams_stream_id_key on streams s',
  'Conflict Arbiter Indexes: streams_stream_id_key',
  'Index Scan using streams_pkey on streams s',
]

it.each([
  ['append_to_each', [...ofGroups, 'Index Only Scan using events_event_id_key on events e']],
  ['append_to_streams', ofGroups],
  ['append_to_stream', [ofGroups[0], 'Index Only Scan using events_event_id_key on events e']],
  [
    'mark_writer',
    [
      'Index Only Scan using projections_inline on projections p',
      'Index Only Scan using events_pkey on events e',
    ],
  ],
])('%s: each statement uses the index of its key on grown tables', (name, scans) => {
  const text = plans.get(name) ?? ''
  for (const scan of scans) expect(text).toContain(scan)
  expect(text).not.toMatch(/Seq Scan|Hash Join|Merge Join|Bitmap/)
})
