/**
 * What subscriptions cost a database: one process sends about as many statements for 100 subscriptions as for one, and
 * reads each event of the log once, however many partitions handle it.
 */
import type { RecordedEvent } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { counted, range } from '../../src/conformance/events.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

type Store = ReturnType<typeof postgresStore>

let database: FreshDatabase
let pool: pg.Pool
let store: Store
/** The statements that the store has sent so far. */
let statements = 0
/** The events on the pages of the log that the server has returned so far. */
let eventsRead = 0

beforeEach(async () => {
  database = await freshDatabase()
  pool = new pg.Pool({ connectionString: database.url })
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...all: unknown[]) => unknown
    client.query = ((...all: unknown[]) => {
      statements++
      const answer = query(...all)
      if (answer instanceof Promise) void answer.then(countEvents, () => {})
      return answer
    }) as typeof client.query
  })
  store = postgresStore(pool)
  await store.append('first', counted(1))
})
afterEach(async () => {
  await store.close()
  await pool.end()
  await database.drop()
})

function countEvents({ rows = [] }: Partial<pg.QueryResult>): void {
  for (const { event_count: count } of rows) eventsRead += Number(count ?? 0)
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Starts subscriptions of which the first `busy` select the events of `append`. */
async function subscribe(count: number, partitions = 1, busy = 0) {
  const subscriptions = range(1, count).map((number) =>
    store.subscribe({
      name: `s${number}`,
      partitions,
      types: number <= busy ? ['Counted'] : ['Never'],
      handle() {},
    }),
  )
  await Promise.all(subscriptions.map((subscription) => subscription.caughtUp()))
  return subscriptions
}

/** Returns how many statements the store sends in a second, measured over some seconds. */
async function statementsPerSecond(seconds: number): Promise<number> {
  // The pauses between two looks at the log have grown by then.
  await pause(1_000)
  const [before, began] = [statements, performance.now()]
  await pause(seconds * 1_000)
  return (statements - before) / ((performance.now() - began) / 1_000)
}

it.each([50, 100])('%i idle subscriptions cost at most 10 statements a second', async (count) => {
  await subscribe(count)
  expect(await statementsPerSecond(2)).toBeLessThanOrEqual(10)
})

it.each([
  ['50 subscriptions, of which 10 are busy', 50, 1, 10],
  ['4 subscriptions with 8 partitions each', 4, 8, 4],
])('%s, cost at most 3 statements for each append', async (_, count, partitions, busy) => {
  const subscriptions = await subscribe(count, partitions, busy)
  const before = statements
  for (const number of range(1, 200)) {
    await store.append(`s${number % 20}`, counted(1))
    await pause(10)
  }
  expect((statements - before) / 200).toBeLessThanOrEqual(3)
  await Promise.all(subscriptions.map((subscription) => subscription.caughtUp()))
})

it('8 partitions read each event of the log once', async () => {
  const streams = range(1, 40).map((number) => ({ streamId: `s${number}`, events: counted(500) }))
  for (const { streamId, events } of streams) await store.append(streamId, events)
  const before = eventsRead
  const handled: RecordedEvent[] = []
  const handle = (event: RecordedEvent) => void handled.push(event)
  await store.subscribe({ name: 's', partitions: 8, handle }).caughtUp()
  expect(handled).toHaveLength(20_001)
  expect((eventsRead - before) / handled.length).toBeLessThanOrEqual(1.1)
})
