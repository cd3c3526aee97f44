/**
 * The fault: to begin a subscription at a time, the store looked for the first such event through the whole log, from its
 * beginning. With a statement timeout, the subscription of a long log failed at each start.
 *
 * Imported events have old times at new positions, and clocks step. The answer must be exact nevertheless.
 */
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { counted, identified, range } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const minute = 60_000

let database: FreshDatabase
let store: PostgresStore

beforeEach(async () => {
  database = await freshDatabase()
  store = postgresStore(database.url)
  await store.schema.create()
})

afterEach(async () => {
  await store.close()
  await database.drop()
})

/** Loads live events, two of which have the same time, and leaves gaps between the positions. */
async function load(count: number, from: Date, interval: number): Promise<void> {
  await database.query(
    `with loaded as (
       select nextval('eventsourced.event_positions') as position, nextval('eventsourced.stream_keys') as stream_key,
         $2::timestamptz + n / 2 * $3 * interval '1 ms' as recorded_at
       from generate_series(1, $1) n
       where n % 7 > 0 or nextval('eventsourced.event_positions') > 0
     ),
     streams as (
       insert into eventsourced.streams (stream_key, stream_id, version, created_at, last_recorded_at)
       select stream_key, gen_random_uuid(), 1, recorded_at, recorded_at from loaded
     )
     insert into eventsourced.events (position, stream_key, version, recorded_at, event_id, type, data)
     select position, stream_key, 1, recorded_at, gen_random_uuid(), 'Loaded', '{}' from loaded`,
    [count, from.toISOString(), interval],
  )
}

const importAt = (times: readonly Date[], batchSize = 5) =>
  store.import(
    identified(times.length).map((event, index) => ({
      ...event,
      streamId: event.id,
      recordedAt: times[index] as Date,
    })),
    { batchSize },
  )

/** Returns the position of the first event that a new subscription handles; undefined if there is none. */
async function firstHandled(from: Date, name: string): Promise<number | undefined> {
  let first: number | undefined
  const handle = ({ position }: { position: number }) => {
    first ??= position
  }
  await store.runOnce({ name, from, handle })
  return first
}

interface Found {
  readonly position: string
  readonly is_found: boolean
}

/** Calls position_before until it has found the position. Returns that, and how many calls it took. */
async function searched(time: Date): Promise<{ position: number; calls: number }> {
  let after: string | null = null
  for (let calls = 1; ; calls++) {
    const rows: Found[] = await database.query<Found>('select * from eventsourced.position_before($1, $2)', [
      time.toISOString(),
      after,
    ])
    const { position, is_found: isFound } = rows[0] as Found
    if (isFound) return { position: Number(position), calls }
    after = position
  }
}

async function expectExact(times: readonly Date[]): Promise<void> {
  const first = `select min(position)::int as first from eventsourced.events where recorded_at >= $1`
  for (const [index, time] of times.entries()) {
    const [expected] = await database.query<{ first: number | null }>(first, [time.toISOString()])
    const { position } = await searched(time)
    const [next] = await database.query<{ next: number | null }>(
      'select min(position)::int as next from eventsourced.events where position > $1',
      [position],
    )
    expect(next?.next, `at ${time.toISOString()}`).toBe(expected?.first)
    if (index % 20 === 0)
      expect(await firstHandled(time, `at ${time.getTime()}`)).toBe(expected?.first ?? undefined)
  }
}

it.each(range(1, 6))(
  'a subscription begins at exactly the first event since a time, in random log %i',
  async (seed) => {
    let state = seed * 2_654_435_761
    const random = (below: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31
      return Math.floor((state / 2 ** 31) * below)
    }
    // Two days of a log that ends now: live events, clock steps of up to a minute, and imports of older and newer events.
    let clock = Date.now() - 2 * 24 * 60 * minute
    const begin = clock
    const times: Date[] = []
    for (let step = 0; step < 40; step++) {
      const pace = random(3) * 2 * minute + random(500)
      const count = 1 + random(60)
      const clockError = random(2) === 0 ? 0 : random(minute) - minute / 2
      await load(count, new Date(clock + clockError), pace)
      clock += (pace * count) / 2 + random(10) * minute
      if (random(3) === 0) {
        const oldest = begin - 5 * 24 * 60 * minute
        const imported = range(1, 1 + random(40)).map(
          () =>
            new Date(
              random(2) === 0
                ? oldest + random(clock - oldest)
                : Math.min(clock + random(minute), Date.now()),
            ),
        )
        await importAt(imported)
        // The import was made at the time of the simulated clock.
        await database.query(
          `update eventsourced.imports set imported_at = $1 where imported_at > now() - interval '1 hour'
         and last_position > (select coalesce(max(last_position), 0) from eventsourced.imports where imported_at <= $1)`,
          [new Date(clock).toISOString()],
        )
        times.push(...imported.slice(0, 3))
      }
      times.push(new Date(clock + random(minute)), new Date(clock - minute * random(600)))
    }
    await expectExact([...times, new Date(0), new Date(Date.now() + minute)])
  },
)

it('an import next to live appends records runs of only its own events', async () => {
  const importing = importAt(
    range(1, 400).map((number) => new Date(Date.UTC(2020, 0) + number)),
    200,
  )
  let live = 0
  const appending = range(1, 4).map(async (writer) => {
    for (let number = 0; number < 60; number++, live++) await store.append(`live-${writer}`, counted(1))
  })
  await Promise.all([importing, ...appending])
  expect(
    await database.query(`
      select count(*)::int as covered, count(*) filter (where recorded_at < '2021-01-01')::int as imported
      from eventsourced.events e join eventsourced.imports i on e.position between i.first_position and i.last_position`),
  ).toEqual([{ covered: 400, imported: 400 }])
  expect(live).toBe(240)
})

it('the start of a subscription looks at few events of a long log, and skips old imports', async () => {
  const start = Date.UTC(2020, 0)
  await load(100_000, new Date(start), 1000)
  await importAt(
    range(1, 20_000).map((number) => new Date(start + number)),
    5_000,
  )
  const { position } = await store.append('last', counted(1))
  const measured = await database.session('measured')
  const before = await rowsRead()
  const answers: number[] = []
  for (const time of [start + 1000, start + 20_000_000, Date.now() - 2 * minute]) {
    const { rows } = await measured.query('select position from eventsourced.position_before($1, null)', [
      new Date(time).toISOString(),
    ])
    answers.push(Number(rows[0].position))
  }
  await measured.end()
  const sessions = `select from pg_stat_activity where datname = current_database() and application_name = 'measured'`
  while ((await database.query(sessions)).length > 0) await sleep(2)
  expect((await rowsRead()) - before).toBeLessThan(10_000)
  expect(answers[0]).toBeLessThan(10)
  expect(answers[2]).toBe(position - 1)
})

it('no statement looks at more than about 50,000 events, however many were recorded within two minutes', async () => {
  await load(160_000, new Date(), 0)
  const { calls } = await searched(new Date(Date.now() + minute))
  expect(calls).toBeGreaterThan(2)
  expect(await firstHandled(new Date(Date.now() + minute), 'late')).toBeUndefined()
})

async function rowsRead(): Promise<number> {
  const [counters] = await database.query<{ rows: number }>(`
    select (sum(idx_tup_read) + (select sum(seq_tup_read) from pg_stat_user_tables where schemaname = 'eventsourced'))::int
      as rows
    from pg_stat_user_indexes where schemaname = 'eventsourced'`)
  return counters?.rows ?? Number.NaN
}
