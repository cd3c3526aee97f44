/** Leases that another server granted. After a failover or a restart they must not release or change another worker's lease. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { refused } from '../../src/conformance/expect.ts'
import { connector } from '../../src/postgres/connect.ts'
import { createSchema } from '../../src/postgres/migrate.ts'
import { RetryingDatabase, retryingRunner } from '../../src/postgres/runner.ts'
import { statementsOf } from '../../src/postgres/statements.ts'
import { postgresStorage } from '../../src/postgres/storage.ts'
import { InlineProjections } from '../../src/projection/inline.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { Lease } from '../../src/storage/subscriptions.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const schema = 'eventsourced'
let database: FreshDatabase
let storage: Storage
let lease: Lease
/** The same lease, but granted by a server that is lost. */
let foreign: Lease
let subscriptions = 0

beforeAll(async () => {
  database = await freshDatabase()
  const opened = new RetryingDatabase(
    connector(database.url, { prepare: true, maxConnections: 2, timeout: 30_000 }),
    1,
    30_000,
  )
  const statements = statementsOf(schema)
  const runner = retryingRunner(
    opened,
    async (own) => void (await createSchema(own, statements, schema, true)),
  )
  storage = postgresStorage(runner, statements, { maxBatch: 1, timeout: 30_000 }, new InlineProjections())
})

afterAll(async () => {
  await storage.close()
  await database.drop()
})

beforeEach(async () => {
  const name = `s${++subscriptions}`
  await storage.createSubscription(name, 1, 0)
  lease = (await storage.keepLeases(name, 'worker', 60_000)).leases[0] as Lease
  foreign = { ...lease, server: '1' }
})

const ownerOf = async () => (await storage.checkpoints(lease.subscription))[0]?.owner

it('can be released, and does not release the current lease with the same token', async () => {
  await storage.releaseLeases([foreign], 'worker')
  expect(await ownerOf()).toBe('worker')
  await storage.releaseLeases([lease], 'worker')
  expect(await ownerOf()).toBeUndefined()
})

it('moves no checkpoint, and neither parks nor unparks events', async () => {
  await refused(storage.advance(foreign, 5), 'lease-lost')
  await refused(storage.park(foreign, [], 5), 'lease-lost')
  for (const end of ['advance', 'unpark'] as const) {
    const moved = storage.transaction('Moving it', (transaction) => transaction[end](foreign, 5))
    await refused(moved, 'lease-lost')
  }
  expect(await storage.checkpoints(lease.subscription)).toMatchObject([{ position: 0 }])
  await storage.advance(lease, 5)
  expect(await storage.checkpoints(lease.subscription)).toMatchObject([{ position: 5 }])
})
