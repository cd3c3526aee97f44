/**
 * The fault: one statement searched the rest of the log for a type, prefix or tag that few events have. With a statement
 * timeout, a subscription with such a filter failed at each start, and its checkpoint stayed at 0. A page now ends after
 * 50,000 positions, at an event that exists.
 */
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collect } from '../../src/conformance/events.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const positionsPerPage = 50_000

let database: FreshDatabase
let store: PostgresStore
/** The positions of the first, the middle and the last event, which alone have the type, prefix and tag. */
let rare: readonly number[]

beforeAll(async () => {
  database = await freshDatabase()
  store = postgresStore(database.url)
  await store.schema.create()
  const appendRare = async () => {
    const { position } = await store.append('rare', [{ type: 'Rare', data: {}, tags: ['rare'] }])
    return position as number
  }
  const load = (count: number) =>
    database.query(`
      insert into eventsourced.events (position, version, recorded_at, event_id, stream_id, type, data)
      select p, 1, now(), gen_random_uuid(), 'stream-' || p, 'Common', '{}'
      from (select nextval('eventsourced.event_positions') as p from generate_series(1, ${count})) p`)
  // Rolled back appends leave gaps. This one is larger than a page.
  const skip = () =>
    database.query(
      `select setval('eventsourced.event_positions', ${3 * positionsPerPage} + nextval('eventsourced.event_positions'))`,
    )
  await load(2 * positionsPerPage)
  const first = await appendRare()
  await skip()
  await load(10)
  const second = await appendRare()
  await load(positionsPerPage)
  await skip()
  const third = await appendRare()
  rare = [first, second, third]
})

afterAll(async () => {
  await store.close()
  await database.drop()
})

const filters = { types: { types: ['Rare'] }, prefix: { streamPrefix: 'rare' }, tags: { tags: ['rare'] } }

describe.each(Object.entries(filters))('a filter by %s that few events match', (_, filter) => {
  it('finds them all, in both directions', async () => {
    const read = async (direction: 'forward' | 'backward') =>
      (await collect(store.readAll({ ...filter, direction }))).map(({ position }) => position)
    expect(await read('forward')).toEqual(rare)
    expect(await read('backward')).toEqual(rare.toReversed())
  })

  it('lets no page look at more than 50,000 positions, and ends each page at an event', async () => {
    const { types = null, streamPrefix = null, tags = null } = filter as Record<string, unknown>
    for (const forward of [true, false]) {
      let [after, until] = [0, (await store.frontier()).position]
      let pages = 0
      for (let isCut = true; isCut; pages++) {
        const rows = await database.query<{ through: string; is_cut: boolean }>(
          'select through, is_cut from eventsourced.log_page($1, $2, $3, $4, $5, null, null, $6, 100, 100)',
          [after, until, types, streamPrefix, tags, forward],
        )
        const end = rows.at(-1)
        isCut = end?.is_cut ?? false
        const through = Number(end?.through)
        if (!isCut) continue
        const [passed] = await database.query<{ events: number; has: boolean }>(
          `select count(*)::int as events, bool_or(position = $3) as has from eventsourced.events
           where position > $1 and position <= $2`,
          forward ? [after, through, through] : [through - 1, until, through],
        )
        expect(passed?.has).toBe(true)
        expect(passed?.events).toBeLessThanOrEqual(positionsPerPage)
        if (forward) after = through
        else until = through - 1
      }
      expect(pages).toBeGreaterThan(3)
    }
  })
})

it('a subscription with such a filter stores how far it has looked, although its first event fails', async () => {
  const subscription = {
    name: 's',
    types: ['Rare'],
    handle: () => Promise.reject(new Error('no')),
    onError: { retries: 0, action: 'stop' },
  } as const
  await expect(store.runOnce(subscription)).rejects.toMatchObject({
    code: 'subscription-failed',
    position: rare[0],
  })
  const status = await store.subscriptionStatus('s')
  expect(status?.checkpoint).toBe(2 * positionsPerPage)
})
