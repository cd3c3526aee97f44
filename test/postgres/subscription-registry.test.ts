/** The registry of subscriptions and their leases, on the storage itself. */
import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { refused } from '../../src/conformance/expect.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { partitionOf } from '../../src/storage/partition.ts'
import { type RegisteredSubscription, repartition } from '../../src/storage/registry.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { Lease } from '../../src/storage/subscriptions.ts'
import { createApplicationRole } from '../application-role.ts'
import {
  bareStorage,
  beatOf,
  definitionOf,
  keep,
  parkedAt,
  partitionsOf,
  registered,
} from './bare-storage.ts'
import { freshDatabase } from './fresh-database.ts'

interface Opened {
  readonly storage: Storage
  close(): Promise<void>
}

const servers: readonly [name: string, open: () => Promise<Opened>][] = [
  [
    'Postgres',
    async () => {
      const database = await freshDatabase()
      const storage = bareStorage(database.url)
      return {
        storage,
        async close() {
          await storage.close()
          await database.drop()
        },
      }
    },
  ],
  [
    'Postgres, as a role that may only call the functions and read',
    async () => {
      const database = await freshDatabase()
      const role = await createApplicationRole(database.url)
      await role.createTables('eventsourced')
      const storage = bareStorage(role.url, { creates: false })
      return {
        storage,
        async close() {
          await storage.close()
          await database.drop()
          await role.drop(inject('servers').postgres)
        },
      }
    },
  ],
  [
    'PGlite',
    async () => {
      const pglite = await PGlite.create()
      const storage = bareStorage(pglite)
      return {
        storage,
        async close() {
          await storage.close()
          await pglite.close()
        },
      }
    },
  ],
]

describe.each(servers)('%s', (_, open) => {
  let opened: Opened
  let storage: Storage
  let name: string
  let number = 0

  beforeAll(async () => {
    opened = await open()
    storage = opened.storage
  })

  afterAll(() => opened.close())

  beforeEach(() => {
    name = `s${++number}`
  })

  const create = (partitions = 1, position = 0) =>
    storage.createSubscription(name, definitionOf({ partitions }), position)

  const positionsOf = async (of = name) => (await storage.checkpoints(of)).map(({ position }) => position)

  /** Gives each partition the position of its place in the list. */
  async function advanceTo(
    subscription: RegisteredSubscription,
    positions: readonly number[],
  ): Promise<void> {
    const { leases } = await keep(storage, subscription, 'mover')
    const moves = leases.map((lease) => ({ lease, position: positions[lease.partition] as number }))
    expect(await storage.advance(moves)).toEqual(moves.map(() => 'moved'))
  }

  describe('registering', () => {
    it('returns the definition as it was given, and the same to a second call', async () => {
      const definition = definitionOf({
        kind: 'projection',
        version: 3,
        partitions: 4,
        transactional: true,
        types: ['A', 'B "quoted" \\ ü'],
        streamPrefix: 'order-',
        tags: ['x'],
      })
      const created = await storage.createSubscription(name, definition, 7)
      expect(created).toEqual({
        name,
        place: expect.stringMatching(/^[0-9a-f-]{36}$/),
        definition,
        partitions: 4,
        isPaused: false,
        successor: undefined,
        createdAt: expect.any(Date),
        revision: expect.any(Number),
      })
      expect(Math.abs(created.createdAt.getTime() - Date.now())).toBeLessThan(60_000)
      expect(await storage.createSubscription(name, definitionOf({ types: ['other'] }), 9)).toEqual(created)
      expect(await storage.readSubscription(name)).toEqual(created)
      expect(await positionsOf()).toEqual([7, 7, 7, 7])
      expect(await storage.readSubscription('nothing')).toBeUndefined()
    })

    it('lists by name in code point order, after a name', async () => {
      const names = ['B', 'a', 'é', '\u{1f600}', '\uffee'].map((end) => `list-${end}`)
      for (const one of names) await storage.createSubscription(one, definitionOf(), 0)
      const sorted = ['B', 'a', 'é', '\uffee', '\u{1f600}'].map((end) => `list-${end}`)
      const all = await storage.listSubscriptions('list-', 10)
      expect(all.map((one) => one.name).filter((one) => one.startsWith('list-'))).toEqual(sorted)
      const page = await storage.listSubscriptions('list-a', 2)
      expect(page.map((one) => one.name)).toEqual(sorted.slice(2, 4))
      expect(page[0]).toEqual(await registered(storage, 'list-é'))
    })

    it('gives a removed subscription another place when it is registered again', async () => {
      const first = await create()
      const { leases } = await keep(storage, first, 'worker')
      expect(await storage.removeSubscription(first)).toBe(true)
      expect(await storage.removeSubscription(first)).toBe(false)
      expect(await storage.checkpoints(name)).toEqual([])
      const second = await create()
      expect(second.place).not.toBe(first.place)
      expect(await storage.changeSubscription(first, { position: 5 })).toBe(false)
      expect(await storage.removeSubscription(first)).toBe(false)
      expect(await storage.advance([{ lease: leases[0] as Lease, position: 5 }])).toEqual(['lost'])
      expect(await storage.keepLeases([beatOf(first, 'worker')])).toEqual([{ kind: 'removed' }])
      expect(await positionsOf()).toEqual([0])
    })
  })

  describe('a heartbeat', () => {
    it('answers for each beat, in their order, with the leases of the worker', async () => {
      const one = await create(2, 5)
      name = `${name} other`
      const other = await create()
      const answers = await storage.keepLeases([
        beatOf(other, 'worker'),
        beatOf({ ...one, name: 'nothing' }, 'worker'),
        beatOf(one, 'worker'),
      ])
      const lease = (subscription: RegisteredSubscription, partition: number, position: number) => ({
        subscription: subscription.name,
        place: subscription.place,
        partition,
        partitions: subscription.partitions,
        token: 1,
        position,
        server: expect.any(String),
      })
      const kept = { kind: 'kept', isPaused: false, skip: [], parkedRequests: 0 }
      expect(answers).toEqual([
        { ...kept, leases: [lease(other, 0, 5 - 5)], share: 1 },
        { kind: 'removed' },
        { ...kept, leases: [lease(one, 0, 5), lease(one, 1, 5)], share: 2 },
      ])
      expect(await storage.keepLeases([])).toEqual([])
      expect((await storage.checkpoints(one.name)).map(({ owner }) => owner)).toEqual(['worker', 'worker'])
    })

    it('shares the partitions between the workers of one call', async () => {
      const subscription = await create(8)
      const beats = ['a', 'b', 'c'].map((worker) => beatOf(subscription, worker))
      const answers = await storage.keepLeases(beats)
      const leases = answers.flatMap((answer) => (answer.kind === 'kept' ? answer.leases : []))
      expect(answers).toMatchObject([{ share: 3 }, { share: 3 }, { share: 3 }])
      expect(partitionsOf(leases).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    })

    it('keeps a lease with its token, and takes an ended one with a higher token', async () => {
      const subscription = await create()
      const short = { milliseconds: 1 }
      const first = (await keep(storage, subscription, 'one', short)).leases[0] as Lease
      await sleep(5)
      // The time has ended, and nobody has taken it.
      expect(await storage.advance([{ lease: first, position: 1 }])).toEqual(['moved'])
      expect((await keep(storage, subscription, 'one')).leases).toEqual([{ ...first, position: 1 }])
      expect((await keep(storage, subscription, 'two')).leases).toEqual([])
      expect((await storage.checkpoints(name))[0]?.owner).toBe('one')
      await keep(storage, subscription, 'one', short)
      await sleep(5)
      expect((await storage.checkpoints(name))[0]?.owner).toBeUndefined()
      const second = (await keep(storage, subscription, 'two')).leases[0] as Lease
      expect(second.token).toBeGreaterThan(first.token)
      expect(await storage.advance([{ lease: first, position: 2 }])).toEqual(['lost'])
      expect((await keep(storage, subscription, 'one')).leases).toEqual([])
    })

    it('says that a paused subscription has no share, and takes no lease', async () => {
      const subscription = await create(2)
      const { leases } = await keep(storage, subscription, 'one')
      expect(await storage.pauseSubscription(name, true)).toBe(true)
      expect(await registered(storage, name)).toMatchObject({ isPaused: true })
      expect(await keep(storage, subscription, 'one')).toMatchObject({ isPaused: true, share: 0, leases })
      await storage.releaseLeases(leases, 'one')
      expect(await keep(storage, subscription, 'one')).toMatchObject({ isPaused: true, share: 0, leases: [] })
      expect(await storage.pauseSubscription(name, true)).toBe(true)
      expect(await storage.pauseSubscription(name, false)).toBe(true)
      expect((await keep(storage, subscription, 'one')).leases).toHaveLength(2)
      expect(await storage.pauseSubscription('nothing', true)).toBe(false)
    })

    it('of a lower version is superseded, and its worker counts no more', async () => {
      const subscription = await create(2)
      const { leases } = await keep(storage, subscription, 'old')
      const definition = definitionOf({ version: 2 })
      expect(await storage.changeSubscription(subscription, { definition })).toBe(true)
      expect(await keep(storage, subscription, 'new', { version: 2 })).toMatchObject({
        share: 2,
        leases: [{}, {}],
      })
      expect(await storage.keepLeases([beatOf(subscription, 'old')])).toEqual([{ kind: 'superseded' }])
      expect((await keep(storage, subscription, 'new', { version: 2 })).share).toBe(2)
      expect(await storage.advance([{ lease: leases[0] as Lease, position: 1 }])).toEqual(['lost'])
      expect((await registered(storage, name)).definition).toEqual(definition)
    })
  })

  describe('releasing', () => {
    it('frees leases at once, and ignores lost ones', async () => {
      const subscription = await create(3)
      const { leases } = await keep(storage, subscription, 'one')
      await storage.releaseLeases([leases[2] as Lease, leases[0] as Lease], 'one')
      expect((await storage.checkpoints(name)).map(({ owner }) => owner)).toEqual([
        undefined,
        'one',
        undefined,
      ])
      expect(partitionsOf((await keep(storage, subscription, 'two')).leases)).toEqual([0, 2])
      await storage.releaseLeases(leases, 'one')
      expect((await storage.checkpoints(name)).map(({ owner }) => owner)).toEqual(['two', undefined, 'two'])
      await storage.releaseLeases([], 'one')
    })

    it('happens when a worker leaves, which then counts no more', async () => {
      const subscription = await create(2)
      await keep(storage, subscription, 'one')
      expect((await keep(storage, subscription, 'two')).share).toBe(1)
      await storage.leave(String(subscription.place), 'one')
      expect(await keep(storage, subscription, 'two')).toMatchObject({ share: 2, leases: [{}, {}] })
    })
  })

  it('advance answers for each move, in their order, and never moves back', async () => {
    const subscription = await create(3, 5)
    const { leases } = await keep(storage, subscription, 'one')
    const [first, second, third] = leases as [Lease, Lease, Lease]
    await storage.releaseLeases([second], 'one')
    const moves = [
      { lease: third, position: 9 },
      { lease: second, position: 9 },
      { lease: { ...first, server: '1' }, position: 9 },
    ]
    expect(await storage.advance(moves)).toEqual(['moved', 'lost', 'lost'])
    expect(await storage.advance([{ lease: { ...first, server: undefined }, position: 9 }])).toEqual(['lost'])
    expect(await storage.advance([{ lease: third, position: 7 }])).toEqual(['moved'])
    expect(await storage.advance([])).toEqual([])
    expect(await positionsOf()).toEqual([5, 5, 9])
  })

  describe('a change', () => {
    it('writes nothing unless the revision is the stored one', async () => {
      const subscription = await create()
      expect(await storage.changeSubscription(subscription, { position: 3 })).toBe(true)
      expect(await storage.changeSubscription(subscription, { position: 4 })).toBe(false)
      expect(await storage.takeOverSubscription(subscription, `${name} next`, definitionOf())).toBe(false)
      expect(await storage.removeSubscription(subscription)).toBe(false)
      expect(await storage.readSubscription(`${name} next`)).toBeUndefined()
      expect(await positionsOf()).toEqual([3])
      expect((await registered(storage, name)).revision).not.toBe(subscription.revision)
    })

    it('of the partitions adds skip layers as repartition does, and keeps parked events', async () => {
      let current = await create(3)
      let expected = repartition([], [30, 10, 20])
      await advanceTo(current, [30, 10, 20])
      const streams = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
      const parked = streams.map((streamId, index) => parkedAt(index + 1, { streamId, state: 'blocked' }))
      const { leases } = await keep(storage, current, 'mover')
      for (const lease of leases) {
        const own = parked.filter(({ streamId }) => partitionOf(streamId, 3) === lease.partition)
        await storage.park(lease, own, 0)
      }
      for (const [partitions, positions] of [
        [5, [11, 12, 13, 14, 35]],
        [2, [16, 15]],
        [4, [40, 41, 42, 43]],
        [1, [50]],
      ] as const) {
        expect(await storage.changeSubscription(current, { partitions })).toBe(true)
        current = await registered(storage, name)
        expect(current).toMatchObject({ partitions })
        const kept = await keep(storage, current, 'mover')
        expect(kept.skip).toEqual(expected.skip)
        expect(kept.leases.map((lease) => lease.position)).toEqual(
          Array.from({ length: partitions }, () => expected.position),
        )
        for (const lease of kept.leases) {
          expect(lease.partitions).toBe(partitions)
          const due = await storage.parkedToHandle(lease, 100)
          expect(due.map(({ streamId }) => streamId)).toEqual(
            streams.filter((streamId) => partitionOf(streamId, partitions) === lease.partition),
          )
        }
        await advanceTo(current, positions)
        expected = repartition(expected.skip, positions)
      }
      expect(await storage.countParked(name)).toBe(streams.length)
      // All checkpoints are past the layers by now.
      expect((await keep(storage, current, 'mover')).skip).toEqual([])
    })

    it('removes a skip layer once all checkpoints are past it', async () => {
      let current = await create(2)
      await advanceTo(current, [10, 20])
      await storage.changeSubscription(current, { partitions: 3 })
      current = await registered(storage, name)
      await advanceTo(current, [20, 19, 25])
      expect((await keep(storage, current, 'mover')).skip).toEqual([[10, 20]])
      await advanceTo(current, [20, 20, 25])
      expect((await keep(storage, current, 'mover')).skip).toEqual([])
      expect(await registered(storage, name)).toEqual(current)
    })

    it('to another position ends layers and later parked events', async () => {
      let current = await create(2)
      await advanceTo(current, [10, 20])
      const [lease] = (await keep(storage, current, 'mover')).leases as [Lease]
      await storage.park(lease, [parkedAt(3), parkedAt(4), parkedAt(5)], 0)
      await storage.changeSubscription(current, { partitions: 3 })
      current = await registered(storage, name)
      expect(await storage.changeSubscription(current, { position: 4, again: true })).toBe(true)
      expect(await positionsOf()).toEqual([4, 4, 4])
      expect((await storage.listParked(name, 0, 10)).map(({ position }) => position)).toEqual([3, 4])
      expect((await keep(storage, current, 'mover')).skip).toEqual([])
    })

    it('never lets a token come back when the number of partitions shrinks and grows', async () => {
      let current = await create(2)
      const seen: number[] = []
      for (const partitions of [1, 2, 1, 2]) {
        const lease = (await keep(storage, current, 'one')).leases.at(-1) as Lease
        expect(seen).not.toContain(lease.token)
        seen.push(lease.token)
        await storage.changeSubscription(current, { partitions })
        expect(await storage.advance([{ lease, position: 9 }])).toEqual(['lost'])
        current = await registered(storage, name)
      }
    })
  })

  describe('a takeover', () => {
    it('gives the place with checkpoints, parked events, layers and the pause to the successor', async () => {
      let current = await create(2)
      await advanceTo(current, [10, 20])
      const { leases } = await keep(storage, current, 'mover')
      await storage.park(leases[0] as Lease, [parkedAt(3)], 0)
      await storage.retryParked(name, [3])
      await storage.pauseSubscription(name, true)
      current = await registered(storage, name)
      const next = `${name} next`
      const definition = definitionOf({ kind: 'projection', partitions: 3 })
      expect(await storage.takeOverSubscription(current, next, definition)).toBe(true)
      const successor = await registered(storage, next)
      expect(successor).toMatchObject({ place: current.place, partitions: 3, isPaused: true, definition })
      expect(await registered(storage, name)).toMatchObject({ place: undefined, successor: next })
      expect(await storage.keepLeases([beatOf(current, 'mover')])).toEqual([{ kind: 'superseded' }])
      expect(await storage.advance([{ lease: leases[0] as Lease, position: 30 }])).toEqual(['lost'])
      expect(await positionsOf(next)).toEqual([10, 10, 10])
      expect(await storage.checkpoints(name)).toEqual([])
      expect(await storage.countParked(name)).toBe(0)
      expect(await storage.listParked(name, 0, 10)).toEqual([])
      expect(await storage.retryParked(name, [3])).toEqual([])
      expect(await storage.skipParked(name, [3])).toEqual([])
      expect(await storage.countParked(next)).toBe(1)
      expect(await keep(storage, successor, 'new')).toMatchObject({
        leases: [],
        skip: [[10, 20]],
        parkedRequests: 1,
      })
      expect(await storage.pauseSubscription(name, false)).toBe(false)
      // The old name keeps its record until it is removed.
      expect(await storage.removeSubscription(await registered(storage, name))).toBe(true)
      expect(await storage.countParked(next)).toBe(1)
    })

    it('keeps each checkpoint if the number of partitions stays', async () => {
      const current = await create(2)
      await advanceTo(current, [10, 20])
      const next = `${name} next`
      await storage.takeOverSubscription(current, next, definitionOf({ partitions: 2 }))
      expect(await positionsOf(next)).toEqual([10, 20])
      expect((await keep(storage, await registered(storage, next), 'new')).skip).toEqual([])
    })

    it('is refused if a subscription has the name of the successor', async () => {
      const current = await create()
      await storage.createSubscription(`${name} next`, definitionOf(), 3)
      expect(await storage.takeOverSubscription(current, `${name} next`, definitionOf())).toBe(false)
      expect(await registered(storage, name)).toEqual(current)
    })
  })

  it('retry and skip answer with the positions that there are, and count as requests', async () => {
    const subscription = await create()
    const [lease] = (await keep(storage, subscription, 'one')).leases as [Lease]
    const states = ['parked', 'blocked', 'retrying'] as const
    await storage.park(
      lease,
      states.map((state, index) => parkedAt(index + 1, { state })),
      3,
    )
    const requests = async () => (await keep(storage, subscription, 'one')).parkedRequests
    expect(await storage.retryParked(name, [4, 3, 2])).toEqual(expect.arrayContaining([2, 3]))
    expect(await requests()).toBe(0)
    expect(await storage.retryParked(name, [1, 1, 4])).toEqual([1])
    expect(await requests()).toBe(1)
    expect(await storage.skipParked(name, [2, 1, 9])).toEqual(expect.arrayContaining([1, 2]))
    expect(await requests()).toBe(2)
    expect(await storage.skipParked(name, [2, 1])).toEqual([])
    expect(await storage.retryParked(name, [])).toEqual([])
    expect(await requests()).toBe(2)
    expect((await storage.listParked(name, 0, 10)).map(({ state }) => state)).toEqual(['retrying'])
    expect((await registered(storage, name)).revision).toBe(subscription.revision)
  })

  it('moveCheckpoints registers or redefines, ends leases, layers and earlier parked events', async () => {
    const move = (definition = definitionOf({ partitions: 2 }), position = 5) =>
      storage.transaction('Moving', (transaction) => transaction.moveCheckpoints(name, definition, position))
    await move()
    let current = await registered(storage, name)
    expect(current).toMatchObject({ partitions: 2, definition: definitionOf({ partitions: 2 }) })
    expect(await positionsOf()).toEqual([5, 5])
    await advanceTo(current, [10, 20])
    await storage.changeSubscription(current, { partitions: 3 })
    current = await registered(storage, name)
    const { leases } = await keep(storage, current, 'one')
    await storage.park(leases[0] as Lease, [parkedAt(3), parkedAt(9)], 0)
    const before = (await keep(storage, current, 'one')).parkedRequests
    await move(definitionOf({ version: 2 }), 8)
    const after = await registered(storage, name)
    expect(after).toMatchObject({
      place: current.place,
      partitions: 3,
      definition: definitionOf({ version: 2 }),
    })
    expect(after.revision).not.toBe(current.revision)
    expect(await positionsOf()).toEqual([8, 8, 8])
    expect((await storage.listParked(name, 0, 10)).map(({ position }) => position)).toEqual([9])
    expect(await storage.advance([{ lease: leases[0] as Lease, position: 30 }])).toEqual(['lost'])
    const kept = await keep(storage, after, 'one', { version: 2 })
    expect(kept).toMatchObject({ skip: [], parkedRequests: before + 1 })
    await refused(
      storage.transaction('Advancing', (transaction) => transaction.advance(leases[0] as Lease, 40)),
      'lease-lost',
    )
  })
})
