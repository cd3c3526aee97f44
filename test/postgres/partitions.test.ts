/**
 * Range partitions by position must stay possible after the format is frozen: the table of events becomes the first
 * partition of a parent with the same columns, and the library works unchanged.
 */
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { counted, identified, logOf, numbersOf, range } from '../../src/conformance/events.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

let database: FreshDatabase
let store: PostgresStore

beforeEach(async () => {
  database = await freshDatabase()
  store = postgresStore(database.url)
})

afterEach(async () => {
  await store.close()
  await database.drop()
})

/** Makes the table the first of two partitions. Positions above the last event belong to the second one. */
async function partition(): Promise<void> {
  await database.query(`
    begin;
    alter table eventsourced.events rename to events_1;
    create table eventsourced.events (like eventsourced.events_1) partition by range (position);
    do $$
    declare
      _next bigint := (select max(position) + 1 from eventsourced.events_1);
    begin
      execute format('alter table eventsourced.events attach partition eventsourced.events_1
        for values from (minvalue) to (%s)', _next);
      execute format('create table eventsourced.events_2 partition of eventsourced.events (
        unique (stream_key, version), unique (event_id)
      ) for values from (%s) to (maxvalue)', _next);
    end $$;
    alter table eventsourced.events add primary key (position);
    create trigger protect_events before update or delete or truncate on eventsourced.events
      for each statement execute function eventsourced.protect_events();
    commit`)
}

const counts = () =>
  database.query(`select tableoid::regclass::text as part, count(*)::int as events
    from eventsourced.events group by 1 order by 1`)

it('appends, reads and the log work when the table is the first of several partitions', async () => {
  await store.append('a', counted(3))
  await store.appendAll([
    { streamId: 'b', events: counted(2) },
    { streamId: 'c', events: [{ type: 'Rare', data: 1, tags: ['rare'] }] },
  ])
  await partition()

  // The same store, whose sessions have planned for the table, and another one.
  const other = postgresStore(database.url, { autoCreate: false })
  for (const one of [store, other]) {
    await Promise.all(range(1, 20).map((number) => one.append(`together-${number}`, counted(1))))
    await one.append('a', counted(2))
    await one.appendAll([
      { streamId: 'b', events: counted(1) },
      { streamId: 'c', events: counted(1) },
    ])
    await one.import([{ streamId: 'd', type: 'Imported', data: 1, recordedAt: new Date(0) }], { name: 'old' })
  }
  expect(await counts()).toEqual([
    { part: 'eventsourced.events_1', events: 6 },
    { part: 'eventsourced.events_2', events: 2 * (20 + 4) + 1 },
  ])

  for (const one of [store, other]) {
    const { version, events } = await one.readStream('a')
    expect([version, numbersOf(events)]).toEqual([7, [1, 2, 3, 1, 2, 1, 2]])
    const all = await logOf(one)
    expect(all).toHaveLength(55)
    expect(all.map(({ position }) => position)).toEqual(
      all.map(({ position }) => position).sort((x, y) => x - y),
    )
    expect((await logOf(one, { direction: 'backward' })).reverse()).toEqual(all)
    expect(await logOf(one, { types: ['Rare'], tags: ['rare'] })).toHaveLength(1)
    expect(await logOf(one, { streamPrefix: 'together-' })).toHaveLength(40)
    await one.runOnce({ name: `of ${one === store}`, from: all[10]?.recordedAt as Date, handle: () => {} })
  }
  await other.close()
})

it.each(['any', 'streamExists', 'noStream', 0] as const)(
  'an append is recorded once, although its repeat goes to another partition: %s',
  async (expectedVersion) => {
    if (expectedVersion === 'streamExists') await store.createStream('a')
    const events = identified(3)
    const first = await store.append('a', events, { expectedVersion })
    await partition()
    const repeat = () => store.append('a', events, { expectedVersion })
    const repeats = [
      await repeat(),
      ...(await Promise.all([repeat(), repeat(), store.append('b', counted(1))])),
    ]
    for (const result of repeats.slice(0, 3)) expect(result).toEqual({ ...first, deduplicated: true })
    expect(await store.appendAll([{ streamId: 'a', events, expectedVersion }])).toEqual([
      { ...first, deduplicated: true },
    ])
    expect(await logOf(store)).toHaveLength(4)
  },
)
