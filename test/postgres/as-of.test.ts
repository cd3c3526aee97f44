/**
 * The fault: a read with `asOf` went back through the stream until an event was old enough. The past of a long stream
 * took as many lookups as there are events after it.
 */
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { range } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const length = 50_000
const second = (number: number) => new Date(Date.UTC(2020, 0) + number * 1000)
/** Four events in a row have the same time. */
const recordedAt = (version: number) => second(Math.floor(version / 4))

let database: FreshDatabase
let store: PostgresStore

beforeAll(async () => {
  database = await freshDatabase()
  store = postgresStore(database.url)
  await store.schema.create()
  await database.query(`
    insert into eventsourced.events (position, stream_key, version, recorded_at, event_id, type, data)
    select nextval('eventsourced.event_positions'), 1, n, '2020-01-01Z'::timestamptz + n / 4 * interval '1 second',
      gen_random_uuid(), 'Happened', '{}'
    from generate_series(1, ${length}) n;
    insert into eventsourced.streams (stream_key, stream_id, version, created_at, last_recorded_at)
    values (1, 'long', ${length}, now(), now())`)
})

afterAll(async () => {
  await store.close()
  await database.drop()
})

it('asOf finds exactly the events until then, also among events of one time', async () => {
  const seconds = [-1, 0, 1, 2, 3, 5_000, 12_499, 12_500, 12_501]
  const times = seconds.flatMap((number) => [second(number - 0.001), second(number), second(number + 0.001)])
  for (const toVersion of [1, 2, 7, 20_001, length, 2 * length]) {
    const read = (asOf: Date) =>
      store.readStream('long', { asOf, toVersion, direction: 'backward', limit: 1 })
    const alone = []
    for (const asOf of times) alone.push(await read(asOf))
    const together = await Promise.all(times.map(read))
    const versions = range(1, Math.min(toVersion, length))
    const expected = times.map((asOf) => versions.findLast((version) => recordedAt(version) <= asOf) ?? 0)
    for (const found of [alone, together]) {
      expect(found.map(({ events }) => events[0]?.version ?? 0)).toEqual(expected)
      expect(found.map(({ version }) => version)).toEqual(times.map(() => length))
    }
  }
})

it('a read of the past looks at few events of a long stream', async () => {
  const calls = 20
  const url = Object.assign(new URL(database.url), { search: '?application_name=measured' }).href
  const measured = postgresStore(url, { maxConnections: 1 })
  const read = () => measured.readStream('long', { asOf: second(5), direction: 'backward', limit: 1 })
  const before = await rowsRead()
  for (const _ of range(1, calls)) await read()
  await Promise.all(range(1, calls).map(read))
  await measured.close()
  // A session reports its counters when it ends.
  const sessions = `select from pg_stat_activity where datname = current_database() and application_name = 'measured'`
  while ((await database.query(sessions)).length > 0) await sleep(2)
  expect(((await rowsRead()) - before) / (2 * calls)).toBeLessThan(100)
})

async function rowsRead(): Promise<number> {
  const [counters] = await database.query<{ rows: number }>(`
    select (sum(idx_tup_read) + (select seq_tup_read from pg_stat_user_tables where relname = 'events'))::int as rows
    from pg_stat_user_indexes where relname = 'events'`)
  return counters?.rows ?? Number.NaN
}
