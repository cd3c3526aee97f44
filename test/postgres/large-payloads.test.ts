/**
 * The fault: a row of 100 events read their payloads before it knew their size. If the row was too large, it was thrown
 * away, and read again in parts. For a page of payloads of 1 MB, the server read 133 MB and returned 16.
 */
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { logOf, numbersOf, range, streamOf } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const large = 30

let database: FreshDatabase

beforeAll(async () => {
  database = await freshDatabase()
  const store = postgresStore(database.url)
  await store.schema.create()
  await store.close()
  // The counters are of the whole table, and autovacuum reads it too.
  await database.query('alter table eventsourced.events set (autovacuum_enabled = false)')
  // 'random' cannot be compressed. 'repeated' is compressed to less than a fiftieth. In 'mixed', every tenth is large.
  const random = `(select string_agg(md5(random()::text || part.n || e.n), '') from generate_series(1, 32000) part (n))`
  const payloads = {
    random,
    repeated: `repeat('x', 1000000)`,
    mixed: `case when e.n % 10 = 0 then ${random} else 'small' end`,
  }
  for (const [index, [streamId, payload]] of Object.entries(payloads).entries()) {
    const key = index + 1
    const count = streamId === 'mixed' ? 10 * large : large
    await database.query(`
      insert into eventsourced.events (position, stream_key, version, recorded_at, event_id, type, data)
      select nextval('eventsourced.event_positions'), ${key}, e.n, now(), gen_random_uuid(), 'Large',
        json_build_object('number', e.n, 'text', ${payload})
      from generate_series(1, ${count}) e (n);
      insert into eventsourced.streams (stream_key, stream_id, version, created_at, last_recorded_at)
      values (${key}, '${streamId}', ${count}, now(), now())`)
  }
})

afterAll(() => database.drop())

/** Returns how many pages of large values (TOAST) the work of a session has read. */
async function pagesReadBy(work: (store: PostgresStore) => Promise<unknown>): Promise<number> {
  const before = await pagesRead()
  const url = Object.assign(new URL(database.url), { search: '?application_name=measured' }).href
  const store = postgresStore(url, { maxConnections: 1 })
  await work(store)
  await store.close()
  // A session reports its counters when it ends.
  const sessions = `select from pg_stat_activity where datname = current_database() and application_name = 'measured'`
  while ((await database.query(sessions)).length > 0) await sleep(2)
  return (await pagesRead()) - before
}

async function pagesRead(): Promise<number> {
  const [row] = await database.query<{ pages: number }>(`
    select (toast_blks_hit + toast_blks_read)::int as pages from pg_statio_user_tables
    where schemaname = 'eventsourced' and relname = 'events'`)
  return row?.pages ?? Number.NaN
}

const streams = { random: large, repeated: large, mixed: 10 * large }

describe.each(Object.entries(streams))('of the stream %s', (streamId, count) => {
  /** How many pages the payloads take if every one is read once. */
  async function pagesOfPayloads(): Promise<number> {
    return pagesReadBy(async (store) => {
      for (const version of range(1, count)) {
        await store.readStream(streamId, { fromVersion: version, toVersion: version })
      }
    })
  }

  const reads: Record<string, (store: PostgresStore) => Promise<unknown>> = {
    'the log': async (store) => expect(await logOf(store, { streamPrefix: streamId })).toHaveLength(count),
    'the log backward': async (store) =>
      expect(await logOf(store, { streamPrefix: streamId, direction: 'backward' })).toHaveLength(count),
    'the stream': async (store) =>
      expect(numbersOf(await streamOf(store, streamId))).toEqual(range(1, count)),
    'the stream backward': async (store) => {
      const { events } = await store.readStream(streamId, { direction: 'backward' })
      expect(numbersOf(events)).toEqual(range(1, count).toReversed())
    },
    'the stream, together with other reads': async (store) => {
      const read = await Promise.all([
        store.readStream('none'),
        store.readStream('none'),
        store.readStream(streamId),
      ])
      expect(numbersOf(read[2].events)).toEqual(range(1, count))
    },
  }

  it.each(Object.entries(reads))('a read of %s reads no large payload twice', async (_, read) => {
    const once = await pagesOfPayloads()
    const pages = await pagesReadBy(read)
    expect(once).toBeGreaterThan(large)
    expect(pages / once).toBeLessThan(1.1)
  })
})
