/** What a page of the log says of itself: when its look began, by the clock of the server, and how large its events are. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connector } from '../../src/postgres/connect.ts'
import { createSchema } from '../../src/postgres/migrate.ts'
import { RetryingDatabase, retryingRunner } from '../../src/postgres/runner.ts'
import { statementsOf } from '../../src/postgres/statements.ts'
import { postgresStorage } from '../../src/postgres/storage.ts'
import { InlineProjections } from '../../src/projection/inline.ts'
import { wholeLog } from '../../src/storage/log-query.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { uuidv7 } from '../../src/uuid.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const schema = 'eventsourced'
let database: FreshDatabase
let storage: Storage

beforeAll(async () => {
  database = await freshDatabase()
  const connect = connector(database.url, { prepare: true, maxConnections: 2, timeout: 30_000 })
  const statements = statementsOf(schema)
  const runner = retryingRunner(
    new RetryingDatabase(connect, 1, 30_000),
    async (own) => void (await createSchema(own, statements, schema, true)),
  )
  storage = postgresStorage(runner, statements, { maxBatch: 1, timeout: 30_000 }, new InlineProjections())
})

afterAll(async () => {
  await storage.close()
  await database.drop()
})

async function serverTime(): Promise<number> {
  const [row] = await database.query(
    `select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as now`,
  )
  return Number((row as { now: number }).now)
}

async function append(data: unknown): Promise<void> {
  const prepared = { type: 'A', data: JSON.stringify(data), metadata: '{}', tags: [] }
  const event = { id: uuidv7(), idFrom: 'library' as const, ...prepared }
  await storage.append([{ streamId: 'a', expectedVersion: 'any', events: [event] }])
}

it('a page was read at a time between its request and its answer', async () => {
  await append(1)
  for (let round = 0; round < 5; round++) {
    const before = await serverTime()
    const { readAt } = await storage.readLogPage({ ...wholeLog, limit: 10 })
    expect(readAt.getTime()).toBeGreaterThanOrEqual(before)
    expect(readAt.getTime()).toBeLessThanOrEqual(await serverTime())
  }
})

it('says about how many bytes its events take, without decoding them', async () => {
  await append('x'.repeat(100_000))
  const { bytes, events } = await storage.readLogPage({ ...wholeLog, limit: 10 })
  expect(bytes).toBeGreaterThan(100_000)
  expect(bytes).toBeLessThan(110_000)
  expect(events.length).toBe(2)
})
