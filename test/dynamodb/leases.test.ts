/** Leases without a clock that all trust: a worker that was taken for dead can do nothing more. */
import { hasCode } from '@eventsourced/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sleep } from '../../src/abort.ts'
import { Connection, opener } from '../../src/dynamodb/connection.ts'
import { tablesOf } from '../../src/dynamodb/keys.ts'
import { dynamodbStorage } from '../../src/dynamodb/storage.ts'
import { InlineProjections } from '../../src/projection/inline.ts'
import type { Storage } from '../../src/storage.ts'
import type { Lease } from '../../src/subscription/storage.ts'
import { emulatorClient } from '../worlds/dynamodb.ts'
import { emulators, type Ground, startGround } from './ground.ts'

const leaseTime = 60
const subscription = 'leased'

describe.each(emulators)('leases on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())

  /** The storages of two processes. */
  async function processes(partitions: number): Promise<[Storage, Storage]> {
    const table = ground.table()
    await ground.open(table).store.schema.create()
    const options = { maxBatch: 1, gapTimeout: 1_000, compress: true }
    const client = emulatorClient(ground.endpoint)
    const storageOf = () => {
      const limits = { attempts: 10, onMetric: undefined }
      const connection = new Connection(opener({ client }), limits, async () => {})
      return dynamodbStorage(connection, tablesOf(table), new InlineProjections(), [], options)
    }
    const both: [Storage, Storage] = [storageOf(), storageOf()]
    expect(await both[0].createSubscription(subscription, partitions, 0)).toBe(partitions)
    expect(await both[1].createSubscription(subscription, 99, 7)).toBe(partitions)
    return both
  }

  async function untilTaken(storage: Storage, worker: string): Promise<Lease> {
    for (;;) {
      const { leases } = await storage.keepLeases(subscription, worker, leaseTime)
      if (leases[0] !== undefined) return leases[0]
      await sleep(10)
    }
  }

  const lost = (work: Promise<unknown>) =>
    work.then(
      () => false,
      (error: unknown) => hasCode(error, 'lease-lost'),
    )

  it('are kept while the worker says that it lives, however slow its clock', async () => {
    const [one, other] = await processes(1)
    const lease = await untilTaken(one, 'one')
    for (let time = 0; time < 10; time++) {
      await sleep(leaseTime / 3)
      expect((await one.keepLeases(subscription, 'one', leaseTime)).leases).toEqual([lease])
      expect((await other.keepLeases(subscription, 'other', leaseTime)).leases).toEqual([])
    }
  })

  it('of a dead worker are another’s, who has a greater token, and what the dead one does is refused', async () => {
    const [one, other] = await processes(1)
    const before = await untilTaken(one, 'one')
    await one.advance(before, 10)
    const after = await untilTaken(other, 'other')
    expect(after).toEqual({ ...before, token: before.token + 1, position: 10 })

    const note = { projection: 'notes', generation: 0, key: 'a' }
    const event = {
      position: 20,
      streamId: 's',
      eventId: crypto.randomUUID(),
      type: 'T',
      state: 'parked',
      attempts: 1,
      error: 'no',
      stack: undefined,
    } as const
    const write = (lease: Lease, storage: Storage) =>
      storage.transaction('Handling', async (transaction) => {
        await transaction.lockDocuments([note])
        await transaction.writeDocuments([{ ...note, state: '1', position: 0 }])
        await transaction.advance(lease, 20)
      })
    expect(await lost(one.advance(before, 20))).toBe(true)
    expect(await lost(write(before, one))).toBe(true)
    expect(await lost(one.park(before, [event], 20))).toBe(true)
    expect(await lost(one.parkAgain(before, event))).toBe(true)
    expect(await lost(one.transaction('Forgetting', (transaction) => transaction.unpark(before, 20)))).toBe(
      true,
    )
    await one.releaseLeases([before], 'one')
    expect(await one.readDocument('notes', 'a')).toBeUndefined()
    expect(await one.listParked(subscription, 0, 10)).toEqual([])
    expect((await one.checkpoints(subscription)).map(({ position }) => position)).toEqual([10])

    // The other one was kept from nothing.
    await write(after, other)
    expect(await other.readDocument('notes', 'a')).toMatchObject({ state: '1', revision: 1 })
    expect((await one.checkpoints(subscription)).map(({ position }) => position)).toEqual([20])
    expect((await one.keepLeases(subscription, 'one', leaseTime)).leases).toEqual([])
  })

  it('are nobody’s once a rebuild has moved the checkpoints, nor is anything parked before', async () => {
    const [one, other] = await processes(2)
    const lease = await untilTaken(one, 'one')
    await other.transaction('Moving', (transaction) => transaction.moveCheckpoints(subscription, 50))
    expect(await lost(one.advance(lease, 60))).toBe(true)
    const { leases } = await other.keepLeases(subscription, 'other', leaseTime)
    expect(leases.every(({ position }) => position === 50)).toBe(true)
  })

  it('are shared: each worker has about the same', async () => {
    const [one, other] = await processes(5)
    expect((await one.keepLeases(subscription, 'one', 5_000)).leases).toHaveLength(5)
    expect(await other.keepLeases(subscription, 'other', 5_000)).toEqual({ leases: [], share: 3 })
    const { leases, share } = await one.keepLeases(subscription, 'one', 5_000)
    expect(share).toBe(3)
    await one.releaseLeases(leases.slice(share), 'one')
    expect((await other.keepLeases(subscription, 'other', 5_000)).leases).toHaveLength(2)
    await other.leave(subscription, 'other')
    expect((await one.keepLeases(subscription, 'one', 5_000)).leases).toHaveLength(5)
  })
})
