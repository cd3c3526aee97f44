/**
 * Tests changes of a subscription that take several steps: a process is killed between each two of them, and another
 * process completes the change.
 */
import { QueryCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { latch } from '../../src/conformance/expect.ts'
import { sleep } from '../../src/runtime/abort.ts'
import type { RegisteredSubscription } from '../../src/storage/registry.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { EventToPark, Lease } from '../../src/storage/subscriptions.ts'
import { lost } from '../worlds/faulty-client.ts'
import { type Ground, oneEmulator, startGround } from './ground.ts'
import { beatOf, definitionOf, keepOne, type Process, startProcess } from './processes.ts'

const leaseTime = 60_000
const positions = [10, 20]
const parkedAt = [5, 25]

const eventAt = (position: number): EventToPark => ({
  position,
  streamId: 's',
  eventId: crypto.randomUUID(),
  type: 'T',
  state: 'parked',
  failures: 1,
  error: 'no',
  stack: undefined,
})

interface Change {
  readonly title: string
  run(storage: Storage, current: RegisteredSubscription): Promise<unknown>
  /** Checks that the change is complete. */
  check(storage: Storage, current: RegisteredSubscription): Promise<void>
}

const positionsOf = async (storage: Storage, name: string) =>
  (await storage.checkpoints(name)).map(({ position }) => position)
const parkedOf = async (storage: Storage, name: string) =>
  (await storage.listParked(name, 0, 10)).map(({ position }) => position)

async function expectKept(
  storage: Storage,
  {
    name,
    partitions,
    skip,
    version = 1,
    parked = parkedAt,
    at,
  }: {
    name: string
    partitions: number
    version?: number
    at: readonly number[]
    skip: readonly (readonly number[])[]
    parked?: readonly number[]
  },
) {
  const now = (await storage.readSubscription(name)) as RegisteredSubscription
  expect(now).toMatchObject({ partitions, definition: { version } })
  expect(await positionsOf(storage, name)).toEqual(at)
  expect(await parkedOf(storage, name)).toEqual(parked)
  const kept = await keepOne(storage, beatOf(now, 'next', leaseTime, version))
  expect(kept.skip).toEqual(skip)
  expect(kept.leases.map(({ position }) => position)).toEqual(at)
  for (const lease of kept.leases) {
    expect(lease).toMatchObject({ subscription: name, partitions })
    expect(await storage.advance([{ lease, position: 1_000 }])).toEqual(['moved'])
  }
}

const changes: readonly Change[] = [
  {
    title: 'another definition',
    run: (storage, current) =>
      storage.changeSubscription(current, { definition: definitionOf(2, { version: 2, types: ['A'] }) }),
    check: (storage, { name }) =>
      expectKept(storage, { name, partitions: 2, version: 2, at: positions, skip: [] }),
  },
  {
    title: 'another number of partitions',
    run: (storage, current) => storage.changeSubscription(current, { partitions: 3 }),
    check: (storage, { name }) =>
      expectKept(storage, { name, partitions: 3, at: [10, 10, 10], skip: [positions] }),
  },
  {
    title: 'a later position',
    run: (storage, current) => storage.changeSubscription(current, { position: 15 }),
    check: (storage, { name }) => expectKept(storage, { name, partitions: 2, at: [15, 20], skip: [] }),
  },
  {
    title: 'another position, again',
    run: (storage, current) => storage.changeSubscription(current, { position: 15, again: true }),
    check: (storage, { name }) =>
      expectKept(storage, { name, partitions: 2, at: [15, 15], skip: [], parked: [5] }),
  },
  {
    title: 'a takeover',
    run: (storage, current) =>
      storage.takeOverSubscription(current, `${current.name}-successor`, definitionOf(3, { version: 3 })),
    async check(storage, { name, place, definition }) {
      const successor = `${name}-successor`
      const at = [10, 10, 10]
      await expectKept(storage, { name: successor, partitions: 3, version: 3, at, skip: [positions] })
      const succeeded = { place: undefined, successor, definition, partitions: 2 }
      expect(await storage.readSubscription(name)).toMatchObject(succeeded)
      expect(await storage.readSubscription(successor)).toMatchObject({ place })
      const listed = await storage.listSubscriptions(name, 1)
      expect(listed).toEqual([await storage.readSubscription(successor)])
    },
  },
  {
    title: 'a removal',
    run: (storage, current) => storage.removeSubscription(current),
    async check(storage, { name }) {
      expect(await storage.readSubscription(name)).toBeUndefined()
      expect(await storage.checkpoints(name)).toEqual([])
      expect(await storage.countParked(name)).toBe(0)
      expect((await storage.listSubscriptions('', 1_000)).map((one) => one.name)).not.toContain(name)
    },
  },
]

describe.each(oneEmulator)('a change of a subscription on %s', (emulator) => {
  let ground: Ground
  let table: string
  let names = 0
  beforeAll(async () => {
    ground = await startGround(emulator)
    table = ground.table()
    await ground.open(table).store.schema.create()
  })
  afterAll(() => ground?.end())

  /** A subscription with two checkpoints, whose leases a worker has, and with two parked events. */
  async function prepare() {
    const worker = startProcess(ground, table).storage
    const current = await worker.createSubscription(`name-${++names}`, definitionOf(2), 0)
    const { leases } = await keepOne(worker, beatOf(current, 'worker', leaseTime))
    await worker.park(leases[0] as Lease, parkedAt.map(eventAt), 1)
    const moves = leases.map((lease, index) => ({ lease, position: positions[index] as number }))
    expect(await worker.advance(moves)).toEqual(['moved', 'moved'])
    return { name: current.name, worker, leases, current, beat: beatOf(current, 'worker', leaseTime) }
  }

  /** Kills a process before its nth write: no request of it succeeds any more. Returns whether that has happened. */
  function killBeforeWrite({ faults }: Process, nth: number): () => boolean {
    let written = 0
    let isKilled = false
    faults.before(({ command }) => {
      if (!/^(Get|BatchGet|Query)/.test(command) && ++written >= nth) isKilled = true
      return isKilled ? lost() : undefined
    })
    return () => isKilled
  }

  /** Checks that no items of an earlier shape are left, and of a removed subscription none at all. */
  async function expectNoLeftovers({ name, place }: RegisteredSubscription): Promise<void> {
    const sortKeys = await sortKeysOf(`K#${place}`)
    const shapes = new Set(sortKeys.flatMap((key) => /^[cs]#(\d+)#/.exec(key)?.[1] ?? []))
    expect(shapes.size).toBe(sortKeys.length > 0 ? 1 : 0)
    if (sortKeys.length > 0) return
    expect(await sortKeysOf(`P#${place}`)).toEqual([])
    for (let shard = 0; shard < 8; shard++) expect(await sortKeysOf(`N#${shard}`)).not.toContain(name)
  }

  async function sortKeysOf(partition: string): Promise<readonly string[]> {
    const { Items = [] } = await ground.admin.send(
      new QueryCommand({
        TableName: `${table}_log`,
        KeyConditionExpression: 'p = :p',
        ExpressionAttributeValues: { ':p': { S: partition } },
      }),
    )
    return Items.map(({ s }) => s?.S as string)
  }

  describe.each(changes)('$title', (change) => {
    it.each(['the heartbeat of a worker', 'a call of the registry'])(
      'is completed by %s, if the process is killed between two steps',
      async (completer) => {
        let nth = 1
        for (let wasKilled = true; wasKilled; nth++) {
          const { name, worker, leases, current, beat } = await prepare()
          const killed = startProcess(ground, table, 0)
          const isKilled = killBeforeWrite(killed, nth)
          const outcome = await change.run(killed.storage, current).catch(() => 'killed')
          wasKilled = isKilled()
          const other = startProcess(ground, table).storage
          if (completer === 'a call of the registry') await other.readSubscription(name)
          const [answer] =
            completer === 'a call of the registry'
              ? []
              : await other.keepLeases([{ ...beat, worker: 'another worker' }])
          if (nth === 1) {
            // Nothing was written.
            expect(await worker.advance([{ lease: leases[0] as Lease, position: 11 }])).toEqual(['moved'])
            expect(await other.readSubscription(name)).toEqual(current)
            continue
          }
          if (!wasKilled) expect(outcome).toBe(true)
          const moves = leases.map((lease) => ({ lease, position: 99 }))
          expect(await worker.advance(moves)).toEqual(['lost', 'lost'])
          if (answer?.kind === 'kept') await other.leave(beat.place, 'another worker')
          await worker.leave(beat.place, 'worker')
          await change.check(other, current)
          await expectNoLeftovers(current)
        }
        expect(nth).toBeGreaterThan(4)
      },
    )

    it('is done once, if the answer to any of its writes is lost', async () => {
      for (let nth = 1, wasLost = true; wasLost; nth++) {
        const { current, worker, beat } = await prepare()
        const { storage, faults } = startProcess(ground, table)
        let written = 0
        faults.afterWrites(() => (++written === nth ? lost() : undefined))
        expect(await change.run(storage, current)).toBe(true)
        wasLost = written >= nth
        await worker.leave(beat.place, 'worker')
        await change.check(storage, current)
        await expectNoLeftovers(current)
      }
    })
  })

  it('that registers it is completed if the process is killed between two steps', async () => {
    let nth = 1
    for (let wasKilled = true; wasKilled; nth++) {
      const name = `created-${nth}`
      const killed = startProcess(ground, table, 0)
      const isKilled = killBeforeWrite(killed, nth)
      await killed.storage.createSubscription(name, definitionOf(3), 7).catch(() => {})
      wasKilled = isKilled()
      const other = startProcess(ground, table).storage
      const registered = await other.createSubscription(name, definitionOf(2), 9)
      const isFirst = nth === 1
      expect(registered.partitions).toBe(isFirst ? 2 : 3)
      expect(await positionsOf(other, name)).toEqual(isFirst ? [9, 9] : [7, 7, 7])
      expect((await keepOne(other, beatOf(registered, 'worker', leaseTime))).leases).toHaveLength(
        isFirst ? 2 : 3,
      )
    }
    expect(nth).toBeGreaterThan(4)
  })

  it('writes nothing after its end, if its process was paused between two steps', async () => {
    const { name, current, worker, beat } = await prepare()
    await worker.leave(beat.place, 'worker')
    const other = startProcess(ground, table).storage
    let nth = 1
    for (let wasPaused = true; wasPaused; nth++) {
      wasPaused = false
      const before = (await other.readSubscription(name)) as RegisteredSubscription
      const paused = startProcess(ground, table)
      const [isPaused, resumed] = [latch(), latch()]
      let written = 0
      paused.faults.before(async ({ command }) => {
        if (/^(Get|BatchGet|Query)/.test(command) || ++written !== nth) return undefined
        wasPaused = true
        isPaused.release()
        await resumed.released
        return undefined
      })
      const changing = paused.storage.changeSubscription(before, { position: 15, again: true, partitions: 3 })
      const ended = changing.then(() => isPaused.release())
      await isPaused.released
      // Others complete the change. A worker then parks events, and the next change replaces the shape.
      const now = (await other.readSubscription(name)) as RegisteredSubscription
      const { leases } = await keepOne(other, beatOf(now, 'next', leaseTime))
      const [lease] = leases
      expect(lease?.partitions).toBe(nth === 1 ? 2 : 3)
      await other.park(lease as Lease, [eventAt(25)], 100)
      await other.leave(beat.place, 'next')
      expect(await other.changeSubscription(now, { partitions: 2 })).toBe(true)
      resumed.release()
      await ended
      expect(await changing).toBe(nth > 1)
      expect(await parkedOf(other, name)).toContain(25)
      expect(await other.readSubscription(name)).toMatchObject({ partitions: 2 })
      await expectNoLeftovers(current)
    }
    // It was paused before each of its writes.
    expect(nth).toBeGreaterThan(7)
  })

  it('waits while a verification holds a checkpoint, which it then moves', async () => {
    const { name, current, worker } = await prepare()
    const verifying = startProcess(ground, table).storage
    const [locked, done] = [latch(), latch()]
    const verified = verifying.transaction('Verifying', async (transaction) => {
      await transaction.lockProjection(name)
      locked.release()
      await done.released
    })
    await locked.released
    let isChanged = false
    const changing = worker.changeSubscription(current, { partitions: 3 }).then((changed) => {
      isChanged = true
      return changed
    })
    await sleep(200)
    expect(isChanged).toBe(false)
    // The heartbeat of another process does not wait.
    const other = startProcess(ground, table).storage
    expect(await keepOne(other, beatOf(current, 'other', leaseTime))).toMatchObject({ leases: [] })
    done.release()
    await verified
    expect(await changing).toBe(true)
    expect(await worker.readSubscription(name)).toMatchObject({ partitions: 3 })
  })

  it('changes nothing if another change has come first', async () => {
    const { name, current, worker } = await prepare()
    const other = startProcess(ground, table).storage
    expect(await other.pauseSubscription(name, true)).toBe(true)
    for (const { run } of changes) expect(await run(worker, current)).toBe(false)
    expect(await other.readSubscription(name)).toMatchObject({ isPaused: true, partitions: 2 })
    expect(await positionsOf(other, name)).toEqual(positions)
  })

  it('takes no name that is registered already', async () => {
    const { name, current, worker, leases } = await prepare()
    await worker.createSubscription(`${name}-other`, definitionOf(1), 0)
    expect(await worker.takeOverSubscription(current, `${name}-other`, definitionOf(1))).toBe(false)
    expect(await worker.readSubscription(name)).toEqual(current)
    expect(await worker.advance([{ lease: leases[0] as Lease, position: 11 }])).toEqual(['moved'])
  })
})
