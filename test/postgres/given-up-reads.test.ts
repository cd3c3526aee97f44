/** Many readers that are slow, stop early or are aborted: they hold no connection between pages, and leave none behind. */
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { counted, logOf, numbersOf, range } from '../../src/conformance/events.ts'
import { rounds } from '../rounds.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const total = 4_500

let database: FreshDatabase
let pool: pg.Pool
let store: PostgresStore

beforeAll(async () => {
  database = await freshDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 3 })
  store = postgresStore(pool)
  for (const from of [1, 1_501, 3_001]) await store.append('long', counted(1_500, from))
})

afterAll(async () => {
  await store.close()
  await pool.end()
  await database.drop()
})

beforeEach(untilIdle)

/** Waits until all connections of the pool are idle and no call waits for one. */
async function untilIdle(): Promise<void> {
  const busy = () => [pool.totalCount - pool.idleCount, pool.waitingCount]
  await expect.poll(busy, { timeout: 30_000 }).toEqual([0, 0])
}

/** Counts the sessions on the server that run a statement or have an open transaction. */
async function busySessions(): Promise<number> {
  const others = `datname = current_database() and application_name <> 'observer' and state <> 'idle'`
  return (await database.query(`select from pg_stat_activity where ${others}`)).length
}

it(
  `${500 * rounds} readers that stop early or are aborted, at any place, leave no connection behind`,
  async () => {
    const reason = new Error('enough')
    const before = pool.totalCount
    const read = async (number: number) => {
      const stop = new AbortController()
      const options = { signal: stop.signal, follow: number % 5 === 1, after: (number * 37) % total }
      const limit = (number * 13) % 1_200
      let seen = 0
      // The abort comes before the read begins, after some microtasks, or in the middle of a statement.
      if (number % 5 === 0) stop.abort(reason)
      if (number % 5 === 1) setTimeout(() => stop.abort(reason), number % 4)
      try {
        for await (const _ of store.readAll(options)) {
          if (++seen < limit) continue
          if (number % 5 < 3) stop.abort(reason)
          else break
        }
      } catch (error) {
        expect(error).toBe(reason)
      }
    }
    for (let from = 1; from < 500 * rounds; from += 20) await Promise.all(range(from, from + 19).map(read))
    await untilIdle()
    expect(pool.totalCount).toBeLessThanOrEqual(Math.max(3, before))
    expect(await busySessions()).toBe(0)
    expect((await logOf(store)).length).toBe(total)
  },
  60_000 * rounds,
)

it('slow readers hold no connection: many of them share one connection with appends', async () => {
  const small = new pg.Pool({ connectionString: database.url, max: 1 })
  const own = postgresStore(small)
  const readers = range(1, 8).map(() => own.readAll()[Symbol.asyncIterator]())
  for (const reader of readers) expect((await reader.next()).value?.position).toBe(1)
  // All readers are in the middle of a page, and the only connection is free.
  for (const number of range(1, 5)) await own.append('meanwhile', counted(1, number))
  expect(await busySessions()).toBe(0)
  const rest = await Promise.all(
    readers.map(async (reader) => {
      const numbers: number[] = []
      for (let next = await reader.next(); !next.done; next = await reader.next())
        if (next.value.streamId === 'long') numbers.push(...numbersOf([next.value]))
      return numbers
    }),
  )
  for (const numbers of rest) expect(numbers).toEqual(range(2, total))
  await own.close()
  await small.end()
})
