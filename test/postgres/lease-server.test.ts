/** Leases that another server granted. After a failover or a restart they must not release or change another worker's lease. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { refused } from '../../src/conformance/expect.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { Lease } from '../../src/storage/subscriptions.ts'
import { bareStorage, definitionOf, keep } from './bare-storage.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

let database: FreshDatabase
let storage: Storage
let lease: Lease
/** The same lease, but granted by a server that is lost. */
let foreign: Lease
let subscriptions = 0

beforeAll(async () => {
  database = await freshDatabase()
  storage = bareStorage(database.url)
})

afterAll(async () => {
  await storage.close()
  await database.drop()
})

beforeEach(async () => {
  const name = `s${++subscriptions}`
  const subscription = await storage.createSubscription(name, definitionOf(), 0)
  lease = (await keep(storage, subscription, 'worker')).leases[0] as Lease
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
  expect(await storage.advance([{ lease: foreign, position: 5 }])).toEqual(['lost'])
  await refused(storage.park(foreign, [], 5), 'lease-lost')
  for (const end of ['advance', 'unpark'] as const) {
    const moved = storage.transaction('Moving it', (transaction) => transaction[end](foreign, 5))
    await refused(moved, 'lease-lost')
  }
  expect(await storage.checkpoints(lease.subscription)).toMatchObject([{ position: 0 }])
  expect(await storage.advance([{ lease, position: 5 }])).toEqual(['moved'])
  expect(await storage.checkpoints(lease.subscription)).toMatchObject([{ position: 5 }])
})
