/** Handlers and projections that call their own store while their transaction is open. */
import { projection, type RecordedEvent } from '@eventsourced/core'
import { type PostgresConnection, type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { counted, range } from '../../src/conformance/events.ts'
import { partitionOf } from '../../src/storage/partition.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

let database: FreshDatabase
let store: PostgresStore

beforeEach(async () => {
  database = await freshDatabase()
})
afterEach(async () => {
  await store.close()
  await database.drop()
})

/** Names of streams, one for each of 16 partitions. */
const streams = range(0, 15).map((partition) => {
  for (let number = 0; ; number++) {
    if (partitionOf(`s${number}`, 16) === partition) return `s${number}`
  }
})

// Fault: each of ten transactions held a connection and waited for an eleventh.
it('16 transactional partitions append through a pool of 10', async () => {
  store = postgresStore(database.url, { onWarning() {} })
  for (const stream of streams) await store.append(stream, counted(1))
  const result = await store.runOnce({
    name: 's',
    transactional: true,
    partitions: 16,
    streamPrefix: 's',
    onError: { retries: 0 },
    async handle({ streamId }, { tx }) {
      await tx.query('select 1')
      await new Promise((resolve) => setTimeout(resolve, 50))
      await store.append(`by ${streamId}`, counted(1))
    },
  })
  expect(result).toMatchObject({ handled: 16, caughtUp: true })
})

const single: readonly [string, () => { connection: PostgresConnection; end: () => Promise<unknown> }][] = [
  [
    'a pool of one connection',
    () => {
      const pool = new pg.Pool({ connectionString: database.url, max: 1 })
      return { connection: pool, end: () => pool.end() }
    },
  ],
  [
    'postgres.js with max: 1',
    () => {
      const sql = postgres(database.url, { max: 1, fetch_types: false, onnotice() {} })
      return { connection: sql, end: () => sql.end() }
    },
  ],
]

describe.each(single)('on %s', (_, connect) => {
  it('a handler that calls the store is refused by name', async () => {
    const { connection, end } = connect()
    store = postgresStore(connection, { onWarning() {} })
    const other = postgresStore(connection, { onWarning() {} })
    await store.append('a', counted(1))
    const refusals: unknown[] = []
    const refused = (call: Promise<unknown>) => call.catch((error: unknown) => refusals.push(error))
    const subscription = store.subscribe({
      name: 's',
      transactional: true,
      async handle() {
        await refused(store.append('b', counted(1)))
        await refused(store.readStream('a'))
        await refused(subscription.caughtUp())
        await refused(store.frontier())
        await refused(other.append('b', counted(1)))
      },
    })
    await subscription.caughtUp()
    expect(refusals).toEqual(range(1, 5).map(() => expect.objectContaining({ code: 'nested-call' })))
    await store.append('b', counted(1))
    await store.close()
    await end()
  })
})

it('a call that outlives the transaction is not refused', async () => {
  const pool = new pg.Pool({ connectionString: database.url, max: 1 })
  store = postgresStore(pool, { onWarning() {} })
  let later: Promise<unknown> | undefined
  await store.append('a', counted(1))
  await store.runOnce({
    name: 's',
    transactional: true,
    handle() {
      later = new Promise((resolve) => setTimeout(resolve, 300)).then(() => store.append('b', counted(1)))
    },
  })
  expect(await later).toMatchObject({ version: 1 })
  await store.close()
  await pool.end()
})

it('raw inline projections that append are refused, however many run at the same time', async () => {
  const appending = projection({
    name: 'appending',
    async handle(events: readonly RecordedEvent[]) {
      for (const { streamId } of events) await store.append(`by ${streamId}`, counted(1))
    },
  })
  store = postgresStore(database.url, { inline: [appending], maxBatch: 1, onWarning() {} })
  const settled = await Promise.allSettled(range(1, 30).map((n) => store.append(`s${n}`, counted(1))))
  for (const outcome of settled) expect(outcome).toMatchObject({ reason: { code: 'nested-call' } })
  expect((await store.streamInfo('s1'))?.version ?? 0).toBe(0)
})
