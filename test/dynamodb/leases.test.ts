/** Tests of leases without a shared clock: a worker that others removed as dead can write nothing more. */
import { hasCode } from '@eventsourced/core'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { latch } from '../../src/conformance/expect.ts'
import { Connection, opener } from '../../src/dynamodb/connection.ts'
import { tablesOf } from '../../src/dynamodb/keys.ts'
import { dynamodbStorage } from '../../src/dynamodb/storage.ts'
import { InlineProjections } from '../../src/projection/inline.ts'
import { sleep } from '../../src/runtime/abort.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { Lease } from '../../src/storage/subscriptions.ts'
import { emulatorClient } from '../worlds/dynamodb.ts'
import { emulators, type Ground, letTimePass, startGround } from './ground.ts'

const leaseTime = 60
const year = 365 * 86_400_000
const subscription = 'leased'

describe.each(emulators)('leases on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())
  afterEach(() => {
    vi.restoreAllMocks()
  })

  /** The storage of another process. */
  function storageOf(table: string): Storage {
    const limits = { retries: 9, onMetric: undefined }
    const client = emulatorClient(ground.endpoint)
    const connection = new Connection(opener({ client }), limits, async () => {})
    const options = { maxBatch: 1, gapTimeout: 1_000, compress: true }
    return dynamodbStorage(connection, tablesOf(table), new InlineProjections(), options)
  }

  /** The storages of two processes. */
  async function processes(partitions: number, table = ground.table()): Promise<[Storage, Storage]> {
    await ground.open(table).store.schema.create()
    const both: [Storage, Storage] = [storageOf(table), storageOf(table)]
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

  const losesLease = (work: Promise<unknown>) =>
    work.then(
      () => false,
      (error: unknown) => hasCode(error, 'lease-lost'),
    )

  it('stay with a worker that renews them, while another worker wants them', async () => {
    const [one, other] = await processes(1)
    const lease = await untilTaken(one, 'one')
    for (let time = 0; time < 10; time++) {
      await sleep(leaseTime / 3)
      expect((await one.keepLeases(subscription, 'one', leaseTime)).leases).toEqual([lease])
      expect((await other.keepLeases(subscription, 'other', leaseTime)).leases).toEqual([])
    }
  })

  it('of a dead worker go to another worker with a greater token, and writes of the dead worker are refused', async () => {
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
      failures: 1,
      error: 'no',
      stack: undefined,
    } as const
    const write = (lease: Lease, storage: Storage) =>
      storage.transaction('Handling', async (transaction) => {
        await transaction.lockDocuments([note])
        await transaction.writeDocuments([{ ...note, state: '1', position: 0 }])
        await transaction.advance(lease, 20)
      })
    expect(await losesLease(one.advance(before, 20))).toBe(true)
    expect(await losesLease(write(before, one))).toBe(true)
    expect(await losesLease(one.park(before, [event], 20))).toBe(true)
    expect(await losesLease(one.parkAgain(before, event))).toBe(true)
    expect(
      await losesLease(one.transaction('Forgetting', (transaction) => transaction.unpark(before, 20))),
    ).toBe(true)
    await one.releaseLeases([before], 'one')
    expect(await one.readDocument('notes', 'a')).toBeUndefined()
    expect(await one.listParked(subscription, 0, 10)).toEqual([])
    expect((await one.checkpoints(subscription)).map(({ position }) => position)).toEqual([10])

    // The new owner can write.
    await write(after, other)
    expect(await other.readDocument('notes', 'a')).toMatchObject({ state: '1', revision: 1 })
    expect((await one.checkpoints(subscription)).map(({ position }) => position)).toEqual([20])
    expect((await one.keepLeases(subscription, 'one', leaseTime)).leases).toEqual([])
  })

  it('of a dead worker go to another worker, even if no process lives as long as a lease', async () => {
    const table = ground.table()
    const [one] = await processes(1, table)
    const keepLeases = (storage: Storage, worker: string) => storage.keepLeases(subscription, worker, 500)
    const before = (await keepLeases(one, 'dead')).leases[0]
    const began = performance.now()
    let lease: Lease | undefined
    let lives = 0
    while (lease === undefined) {
      const storage = storageOf(table)
      const worker = `worker ${++lives}`
      await keepLeases(storage, worker)
      await sleep(150)
      lease = (await keepLeases(storage, worker)).leases[0]
      if (lease === undefined) await storage.leave(subscription, worker)
    }
    expect(performance.now() - began).toBeGreaterThan(500)
    expect(lives).toBeGreaterThan(1)
    expect(lease).toEqual({ ...before, token: 2 })
  })

  it.each([-year, 0, year])(
    'advance no checkpoint while a process verifies its documents, until that process counts as dead (clock: %i)',
    async (skew) => {
      const [one, other] = await processes(1)
      const lease = await untilTaken(one, 'one')
      await one.advance(lease, 10)
      const locked = latch()
      const now = Date.now
      const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + skew)
      // This transaction never ends.
      void other.transaction('Verifying', async (transaction) => {
        await transaction.lockProjection(subscription)
        locked.release()
        await new Promise(() => {})
      })
      await locked.released
      clock.mockRestore()
      const refused = expect.objectContaining({ code: 'store-unavailable' })
      await expect(one.advance(lease, 20)).rejects.toEqual(refused)
      await one.keepLeases(subscription, 'one', leaseTime)
      await expect(one.advance(lease, 20)).rejects.toEqual(refused)
      letTimePass(31_000)
      await one.keepLeases(subscription, 'one', leaseTime)
      await one.advance(lease, 20)
      expect((await one.checkpoints(subscription)).map(({ position }) => position)).toEqual([20])
    },
  )

  it('of a live worker are not taken, though many other processes observe it one after the other', async () => {
    const table = ground.table()
    const [one] = await processes(1, table)
    const keepLeases = (storage: Storage, worker: string) => storage.keepLeases(subscription, worker, 500)
    const { leases } = await keepLeases(one, 'one')
    for (let lives = 0; lives < 8; lives++) {
      const other = storageOf(table)
      await keepLeases(other, 'other')
      await sleep(100)
      expect((await keepLeases(other, 'other')).leases).toEqual([])
      await other.leave(subscription, 'other')
      expect((await keepLeases(one, 'one')).leases).toEqual(leases)
    }
  })

  it('wait the whole time for a second verification, though they have waited for a first one', async () => {
    const table = ground.table()
    const [one, other] = await processes(1, table)
    /** Locks, and never unlocks. */
    async function lock(): Promise<void> {
      const locked = latch()
      void other.transaction('Verifying', async (transaction) => {
        await transaction.lockProjection(subscription)
        locked.release()
        await new Promise(() => {})
      })
      await locked.released
    }
    await one.keepLeases(subscription, 'one', leaseTime)
    await lock()
    await one.keepLeases(subscription, 'one', leaseTime)
    letTimePass(20_000)
    await one.leave(subscription, 'one')
    await lock()
    const next = storageOf(table)
    const lease = (await next.keepLeases(subscription, 'next', leaseTime)).leases[0] as Lease
    letTimePass(20_000)
    await next.keepLeases(subscription, 'next', leaseTime)
    await expect(next.advance(lease, 10)).rejects.toMatchObject({ code: 'store-unavailable' })
    letTimePass(20_000)
    await next.keepLeases(subscription, 'next', leaseTime)
    await next.advance(lease, 10)
  })

  it('end when a rebuild moves the checkpoints', async () => {
    const [one, other] = await processes(2)
    const lease = await untilTaken(one, 'one')
    await other.transaction('Moving', (transaction) => transaction.moveCheckpoints(subscription, 50))
    expect(await losesLease(one.advance(lease, 60))).toBe(true)
    const { leases } = await other.keepLeases(subscription, 'other', leaseTime)
    expect(leases.every(({ position }) => position === 50)).toBe(true)
  })

  it('are shared evenly between workers', async () => {
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
