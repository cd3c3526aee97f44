/** Tests of leases without a shared clock: a worker that others removed as dead can write nothing more. */
import { hasCode } from '@eventsourced/core'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { latch } from '../../../src/conformance/expect.ts'
import { sleep } from '../../../src/runtime/abort.ts'
import type { Storage } from '../../../src/storage/storage.ts'
import type { Lease, MoveOutcome } from '../../../src/storage/subscriptions.ts'
import { emulators, type Ground, letTimePass, startGround, stopClock } from '../ground.ts'
import { beatOf, definitionOf, keepOne, leasesOf, type Process, startProcess } from '../processes.ts'

const leaseTime = 60
const year = 365 * 86_400_000
const subscription = 'leased'

async function move(storage: Storage, lease: Lease, position: number): Promise<MoveOutcome | undefined> {
  return (await storage.advance([{ lease, position }]))[0]
}

describe.each(emulators)('leases on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())
  afterEach(() => {
    vi.restoreAllMocks()
  })

  const storageOf = (table: string) => startProcess(ground, table).storage

  /** The storages of two processes, and a subscription with so many partitions. */
  async function processes(partitions: number, table = ground.table()) {
    await ground.open(table).store.schema.create()
    const [one, other] = [storageOf(table), storageOf(table)]
    const registered = await one.createSubscription(subscription, definitionOf(partitions), 0)
    expect(await other.createSubscription(subscription, definitionOf(99), 7)).toEqual(registered)
    const keep = (storage: Storage, worker: string, milliseconds = leaseTime) =>
      leasesOf(storage, beatOf(registered, worker, milliseconds))
    const untilTaken = async (storage: Storage, worker: string): Promise<Lease> => {
      for (;;) {
        const [lease] = await keep(storage, worker)
        if (lease !== undefined) return lease
        await sleep(10)
      }
    }
    const place = registered.place as string
    return { one, other, registered, place, keep, untilTaken }
  }

  const losesLease = (work: Promise<unknown>) =>
    work.then(
      () => false,
      (error: unknown) => hasCode(error, 'lease-lost'),
    )

  it('stay with a worker that renews them, while another worker wants them', async () => {
    const { one, other, keep, untilTaken } = await processes(1)
    const lease = await untilTaken(one, 'one')
    for (let time = 0; time < 10; time++) {
      await sleep(leaseTime / 3)
      expect(await keep(one, 'one')).toEqual([lease])
      expect(await keep(other, 'other')).toEqual([])
    }
  })

  it('of a dead worker go to another worker with a greater token, and writes of the dead worker are refused', async () => {
    const { one, other, keep, untilTaken } = await processes(1)
    const before = await untilTaken(one, 'one')
    expect(await move(one, before, 10)).toBe('moved')
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
    expect(await move(one, before, 20)).toBe('lost')
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
    expect(await keep(one, 'one')).toEqual([])
  })

  it('of a dead worker go to another worker, even if no process lives as long as a lease', async () => {
    const table = ground.table()
    const { one, keep, place } = await processes(1, table)
    const pass = stopClock()
    const [before] = await keep(one, 'dead', 500)
    let lease: Lease | undefined
    let lives = 0
    while (lease === undefined) {
      const storage = storageOf(table)
      const worker = `worker ${++lives}`
      await keep(storage, worker, 500)
      pass(150)
      lease = (await keep(storage, worker, 500))[0]
      if (lease === undefined) await storage.leave(place, worker)
    }
    // The fourth life ends 600 ms after the last heartbeat of the dead worker.
    expect(lives).toBe(4)
    expect(lease).toEqual({ ...before, token: (before as Lease).token + 1 })
  })

  it.each([-year, 0, year])(
    'advance no checkpoint while a process verifies its documents, until that process counts as dead (clock: %i)',
    async (skew) => {
      const { one, other, keep, untilTaken } = await processes(1)
      const lease = await untilTaken(one, 'one')
      expect(await move(one, lease, 10)).toBe('moved')
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
      expect(await move(one, lease, 20)).toBe('busy')
      await keep(one, 'one')
      expect(await move(one, lease, 20)).toBe('busy')
      letTimePass(31_000)
      await keep(one, 'one')
      expect(await move(one, lease, 20)).toBe('moved')
      expect((await one.checkpoints(subscription)).map(({ position }) => position)).toEqual([20])
    },
  )

  it('of a live worker are not taken, though many other processes observe it one after the other', async () => {
    const table = ground.table()
    const { one, keep, place } = await processes(1, table)
    const pass = stopClock()
    const leases = await keep(one, 'one', 500)
    for (let lives = 0; lives < 8; lives++) {
      const other = storageOf(table)
      await keep(other, 'other', 500)
      pass(100)
      expect(await keep(other, 'other', 500)).toEqual([])
      await other.leave(place, 'other')
      expect(await keep(one, 'one', 500)).toEqual(leases)
    }
  })

  describe('of a process whose calls take longer than a lease', () => {
    /** Delays the requests that the pattern names for longer than a lease lasts. */
    function delay({ faults }: Process, isSlow: (item: object) => boolean): void {
      faults.before(async ({ input }) => {
        if (isSlow((input.Item ?? {}) as object)) await sleep(leaseTime * 1.5)
        return undefined
      })
    }

    it.each([
      ['the heartbeat', 'beat'],
      ['the item of the worker', 'process'],
    ])('stay with the worker that has taken them (slow: %s)', async (_, attribute) => {
      const table = ground.table()
      const { one, keep, untilTaken } = await processes(1, table)
      const before = await untilTaken(one, 'one')
      const slow = startProcess(ground, table)
      delay(slow, (item) => attribute in item)
      const lease = await untilTaken(slow.storage, 'slow')
      expect(lease).toEqual({ ...before, token: before.token + 1 })
      expect(await keep(one, 'one')).toEqual([])
      expect(await keep(slow.storage, 'slow')).toEqual([lease])
    })

    it('stay with each of its workers', async () => {
      const table = ground.table()
      const { registered } = await processes(4, table)
      const slow = startProcess(ground, table)
      const beats = ['a', 'b'].map((worker) => beatOf(registered, worker, leaseTime))
      const tokens = async () => {
        const kept = await slow.storage.keepLeases(beats)
        return kept.map((answer) =>
          answer.kind === 'kept' ? answer.leases.map(({ token }) => token) : answer,
        )
      }
      await tokens()
      const [first] = await slow.storage.keepLeases(beats)
      if (first?.kind !== 'kept') throw new Error(`The worker is ${first?.kind}`)
      await slow.storage.releaseLeases(first.leases.slice(first.share), 'a')
      const before = await tokens()
      expect(before).toMatchObject([{ length: 2 }, { length: 2 }])
      delay(slow, () => true)
      for (let time = 0; time < 3; time++) expect(await tokens()).toEqual(before)
    })
  })

  it('go to another process if their worker leaves during a slow heartbeat, though its process lives', async () => {
    const table = ground.table()
    const { other, place, registered, untilTaken } = await processes(1, table)
    const elsewhere = await other.createSubscription('elsewhere', definitionOf(1), 0)
    const slow = startProcess(ground, table)
    await leasesOf(slow.storage, beatOf(elsewhere, 'stays', leaseTime))
    const [begun, answered] = [latch(), latch()]
    let isSlow = true
    slow.faults.before(async ({ input }) => {
      if (!isSlow || !('beat' in ((input.Item ?? {}) as object))) return undefined
      isSlow = false
      begun.release()
      await answered.released
      return undefined
    })
    await sleep(leaseTime)
    const beat = slow.storage.keepLeases([beatOf(registered, 'leaves', leaseTime)])
    await begun.released
    await slow.storage.leave(place, 'leaves')
    answered.release()
    expect(await beat).toEqual([{ kind: 'removed' }])
    const stays = setInterval(
      () => void leasesOf(slow.storage, beatOf(elsewhere, 'stays', leaseTime)),
      leaseTime / 4,
    )
    try {
      expect(await untilTaken(other, 'other')).toMatchObject({ partition: 0 })
    } finally {
      clearInterval(stays)
    }
  })

  it('wait the whole time for a second verification, though they have waited for a first one', async () => {
    const table = ground.table()
    const { one, other, keep, place } = await processes(1, table)
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
    await keep(one, 'one')
    await lock()
    await keep(one, 'one')
    letTimePass(20_000)
    await one.leave(place, 'one')
    await lock()
    const next = storageOf(table)
    const lease = (await keep(next, 'next'))[0] as Lease
    letTimePass(20_000)
    await keep(next, 'next')
    expect(await move(next, lease, 10)).toBe('busy')
    letTimePass(20_000)
    await keep(next, 'next')
    expect(await move(next, lease, 10)).toBe('moved')
  })

  it('end when a rebuild moves the checkpoints', async () => {
    const { one, other, keep, untilTaken, registered } = await processes(2)
    const lease = await untilTaken(one, 'one')
    const definition = definitionOf(1, { version: 2 })
    await other.transaction('Moving', (transaction) =>
      transaction.moveCheckpoints(subscription, definition, 50),
    )
    expect(await move(one, lease, 60)).toBe('lost')
    expect(await one.keepLeases([beatOf(registered, 'one', leaseTime)])).toEqual([{ kind: 'superseded' }])
    const beat = beatOf(registered, 'other', leaseTime, 2)
    const kept = await keepOne(other, beat)
    expect(kept.leases.map(({ position }) => position)).toEqual([50, 50])
    expect(kept.parkedRequests).toBe(1)
    expect(await other.readSubscription(subscription)).toMatchObject({ definition, partitions: 2 })
    await expect(keep(one, 'one')).rejects.toThrow('superseded')
  })

  it('are shared evenly between workers', async () => {
    const { one, other, registered, place } = await processes(5)
    const keep = (storage: Storage, worker: string) => keepOne(storage, beatOf(registered, worker, 5_000))
    expect((await keep(one, 'one')).leases).toHaveLength(5)
    expect(await keep(other, 'other')).toMatchObject({ leases: [], share: 3 })
    const { leases, share } = await keep(one, 'one')
    expect(share).toBe(3)
    await one.releaseLeases(leases.slice(share), 'one')
    expect((await keep(other, 'other')).leases).toHaveLength(2)
    await other.leave(place, 'other')
    expect((await keep(one, 'one')).leases).toHaveLength(5)
  })
})
