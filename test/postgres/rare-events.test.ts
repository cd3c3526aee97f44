/**
 * The fault: one statement searched the rest of the log for a type, prefix or tag that few events have. With a statement
 * timeout, a subscription with such a filter failed at each start, and its checkpoint stayed at 0. A page now ends after
 * 50,000 positions, or 20,000 if it must look up their streams, at an event that exists. An index by type, which the
 * owner may create, makes such pages short.
 */
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { collect, range } from '../../src/conformance/events.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const positionsPerPage = 50_000
/** Of a page that looks up the streams of its events. */
const positionsWithStreams = 20_000

let database: FreshDatabase
let store: PostgresStore
/** The positions of the first, the middle and the last event, which alone have the type, prefix and tag. */
let rare: readonly number[]

/**
 * Adds events to streams of ten events each. Half of the events have Type0, a quarter Type1, an eighth Type2, and so on.
 * Every 1,000th event has the tag 'some'.
 */
const load = (count: number) =>
  database.query(`
    with loaded as (
      select n, nextval('eventsourced.event_positions') as p from generate_series(0, ${count - 1}) n
    ),
    streams as (
      insert into eventsourced.streams (stream_key, version, created_at, stream_id)
      select nextval('eventsourced.stream_keys'), count(*), now(), 'stream-' || min(p)
      from loaded group by n / 10
      returning stream_key, stream_id
    )
    insert into eventsourced.events (position, stream_key, version, recorded_at, event_id, type, data, tags)
    select p, stream_key, n % 10 + 1, now(), gen_random_uuid(),
      'Type' || length(substring(reverse(p::bit(24)::text) from '^0*')), '{}',
      case when p % 1000 = 0 then array['some', 'tag-' || p % 7] end
    from loaded join streams on stream_id = 'stream-' || (p - n % 10)`)

beforeAll(async () => {
  database = await freshDatabase()
  // One connection, so that every test uses plans of former ones.
  store = postgresStore(database.url, { maxConnections: 1 })
  await store.schema.create()
  const appendRare = async () => {
    const { position } = await store.append('rare', [{ type: 'Rare', data: {}, tags: ['rare'] }])
    return position as number
  }
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

interface Filter {
  readonly types?: readonly string[]
  readonly streamPrefix?: string
  readonly tags?: readonly string[]
  readonly partition?: readonly [index: number, count: number]
}

const parametersOf = ({ types, streamPrefix, tags, partition }: Filter) =>
  [types, streamPrefix, tags, partition?.[0], partition?.[1]].map((parameter) => parameter ?? null)

/** Returns the positions that a filter matches, in the order of the log: an independent implementation. */
async function matching(filter: Filter): Promise<number[]> {
  const rows = await database.query<{ position: number }>(
    `select position::int from eventsourced.recorded_events
     where ($1::text[] is null or type = any ($1)) and ($2::text is null or starts_with(stream_id, $2))
       and ($3::text[] is null or tags @> $3)
       and ($5::int is null or eventsourced.part_of_stream(stream_id, $5) = $4::int)
     order by position`,
    parametersOf(filter),
  )
  return rows.map(({ position }) => position)
}

/**
 * Reads all pages of a filter. Returns their events, how many pages there were, and the highest number of events that a
 * full page has passed. Expects each page to end at an event that exists.
 */
async function pagesOf(filter: Filter, forward: boolean, limit = 100) {
  const head = (await store.frontier()).position
  let [after, until] = [0, head]
  const found: number[] = []
  let [pages, mostPassed] = [0, 0]
  for (let isFull = true; isFull && after < until; pages++) {
    const rows = await database.query<{ through: string; is_full: boolean; positions: string | null }>(
      'select * from eventsourced.log_page($1, $2, $3, $4, $5, $6, $7, $8, $9, 100, null)',
      [after, until, ...parametersOf(filter), forward, limit],
    )
    const end = rows.at(-1)
    found.push(...rows.slice(0, -1).flatMap(({ positions }) => JSON.parse(positions ?? '[]')))
    isFull = end?.is_full ?? false
    const through = Number(end?.through)
    const [passed] = await database.query<{ events: number; has: boolean }>(
      `select count(*)::int as events, bool_or(position = $3) as has from eventsourced.events
       where position > $1 and position <= $2`,
      forward ? [after, through, through] : [through - 1, until, through],
    )
    expect(passed?.has).toBe(true)
    if (isFull) mostPassed = Math.max(mostPassed, passed?.events ?? 0)
    if (forward) after = through
    else until = through - 1
  }
  return { found: forward ? found : found.toReversed(), pages, passed: mostPassed }
}

/** Returns how many events a full page may pass. */
async function mostPassedBy({ types, streamPrefix, partition }: Filter, hasIndex: boolean): Promise<number> {
  // An index passes any number of other events.
  if (hasIndex && types !== undefined) return Number.POSITIVE_INFINITY
  if (streamPrefix === undefined) return partition === undefined ? positionsPerPage : positionsWithStreams
  const [found] = await database.query<{ streams: number; events: number }>(
    `select count(*)::int as streams, coalesce(sum(version), 0)::int as events
     from eventsourced.streams where starts_with(stream_id, $1)`,
    [streamPrefix],
  )
  // So does the list of the events of a few streams.
  const isFew = found !== undefined && found.streams <= 300 && found.events <= 5_000
  return isFew ? Number.POSITIVE_INFINITY : positionsWithStreams
}

const rareFilters: readonly Filter[] = [{ types: ['Rare'] }, { streamPrefix: 'rare' }, { tags: ['rare'] }]

const filters: readonly Filter[] = [
  ...rareFilters,
  { types: ['None'] },
  { types: ['Type15', 'Rare', 'Type12', 'Rare'] },
  { types: range(5, 24).map((number) => `Type${number}`) },
  { types: range(0, 24).map((number) => `Type${number}`), tags: ['some'] },
  { streamPrefix: 'none' },
  { streamPrefix: 'stream-12345' },
  { streamPrefix: 'stream-1234', types: ['Type1', 'Type4'] },
  { streamPrefix: 'stream-12', types: ['Type9'] },
  { streamPrefix: 'stream-1', tags: ['some', 'tag-3'] },
  { tags: ['some', 'tag-4'], types: ['Type4', 'Type3'] },
  { partition: [7, 5000] },
  { partition: [3, 100], types: ['Type7', 'Type9'] },
  { partition: [1, 3], streamPrefix: 'stream-1234' },
  { partition: [0, 2], streamPrefix: 'stream-', types: ['Type6'], tags: ['some'] },
]

/** The filters that the index must not change, or that an index of another kind could. */
const fewFilters = filters.filter((_, index) => [0, 4, 5, 12].includes(index))

/** The indexes that the store must not use: each lacks events, types or the order. */
const otherIndexes = [
  '(type)',
  '(position, type)',
  '(type, position desc)',
  '(type desc, position)',
  '(type, version, position)',
  '(type text_pattern_ops, position)',
  '(type collate "POSIX", position)',
  '(lower(type), position)',
  '(type, position) where version = 1',
  'using hash (type)',
]

const createIndex = 'create index concurrently events_by_type on eventsourced.events (type, position)'
const dropIndex = 'drop index concurrently eventsourced.events_by_type'
const setValid = (isValid: boolean) =>
  database.query(
    `update pg_index set indisvalid = ${isValid} where indexrelid = 'eventsourced.events_by_type'::regclass`,
  )

const situations: Record<string, () => Promise<unknown>> = {
  'without an index': async () => {},
  'with other indexes': async () => {
    for (const [number, definition] of otherIndexes.entries()) {
      await database.query(`create index other_${number} on eventsourced.events ${definition}`)
    }
  },
  'with an index by type': async () => {
    for (const number of otherIndexes.keys()) await database.query(`drop index eventsourced.other_${number}`)
    await database.query(createIndex)
  },
  'with an index that is not valid': () => setValid(false),
  'with an index that became valid': () => setValid(true),
  'after the index was dropped': () => database.query(dropIndex),
}

describe.each(Object.entries(situations))('%s,', (situation, arrange) => {
  const hasIndex = ['with an index by type', 'with an index that became valid'].includes(situation)

  beforeAll(async () => {
    await arrange()
  })

  const isNew = ['without an index', 'with an index by type'].includes(situation)
  it.each(isNew ? filters : fewFilters)('pages with the filter %j have all events', async (filter) => {
    const expected = await matching(filter)
    for (const forward of [true, false]) {
      const { found, passed } = await pagesOf(filter, forward, forward ? 3000 : 150)
      expect(found).toEqual(expected)
      expect(passed).toBeLessThanOrEqual(await mostPassedBy(filter, hasIndex))
    }
  })

  it.each<Filter>([
    { streamPrefix: 'stream-', tags: ['none'] },
    { partition: [0, 3], tags: ['none'] },
  ])('a page of %j, which finds nothing, passes 20,000 events', async (filter) => {
    for (const forward of [true, false]) {
      expect(await pagesOf(filter, forward)).toMatchObject({ found: [], passed: positionsWithStreams })
    }
  })

  it.each(rareFilters)('readAll with the filter %j finds three events', async (filter) => {
    const read = async (direction: 'forward' | 'backward') =>
      (await collect(store.readAll({ ...filter, direction } as object))).map(({ position }) => position)
    expect(await read('forward')).toEqual(rare)
    expect(await read('backward')).toEqual(rare.toReversed())
  })

  it(`a rare type takes ${hasIndex ? 'one page' : 'several pages'}`, async () => {
    for (const forward of [true, false]) {
      const { pages } = await pagesOf({ types: ['Rare', 'None'] }, forward)
      if (hasIndex) expect(pages).toBe(1)
      else expect(pages).toBeGreaterThan(3)
    }
  })

  if (hasIndex) {
    it('types of every frequency are merged in the order of the log', async () => {
      const types = range(0, 20).map((number) => `Type${number}`)
      for (const [index, most] of [1, 2, 7, 100, 999, 1000, 1001, 5000].entries()) {
        for (const some of [types, types.slice(8), types.filter((_, type) => type % 3 === index % 3)]) {
          for (const forward of [true, false]) {
            const [row] = await database.query(
              `select eventsourced.positions_of_types($1, $2, $3, $4, $5) as found, array(
                 select position from eventsourced.events
                 where type = any ($1) and position > $2 and position <= $3
                 order by case when $4 then position else -position end limit $5
               ) as expected`,
              [some, 500 * index, 400_000 - 20_000 * index, forward, most],
            )
            expect(row?.found).toEqual(row?.expected)
          }
        }
      }
    })
  }
})

describe('while an index by type comes and goes,', () => {
  afterEach(() => database.query('drop index if exists eventsourced.events_by_type'))

  it('readers find the same events', async () => {
    const filter = { types: ['Type11', 'Rare'] }
    const expected = await matching(filter)
    let isOver = false
    const reading = Promise.all(
      range(1, 2).map(async () => {
        const reader = postgresStore(database.url, { maxConnections: 1 })
        while (!isOver) {
          const read = await collect(reader.readAll(filter))
          expect(read.map(({ position }) => position)).toEqual(expected)
        }
        await reader.close()
      }),
    )
    for (const _ of range(1, 2)) {
      await database.query(createIndex)
      await database.query(dropIndex)
      await database.query(createIndex.replace('concurrently', ''))
      await database.query(dropIndex.replace('concurrently', ''))
    }
    isOver = true
    await reading
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
