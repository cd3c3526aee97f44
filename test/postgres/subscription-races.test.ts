/**
 * Calls that meet at one subscription. A session beside the storage plays the other process: its transaction stays open
 * for as long as the test needs it.
 */
import type { PostgresConnection } from '@eventsourced/core/postgres'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { refused } from '../../src/conformance/expect.ts'
import { sleep } from '../../src/runtime/abort.ts'
import type { RegisteredSubscription } from '../../src/storage/registry.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { Lease } from '../../src/storage/subscriptions.ts'
import {
  type BareStorageOptions,
  bareStorage,
  beatOf,
  definitionOf,
  keep,
  parkedAt,
  partitionsOf,
  registered,
} from './bare-storage.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

let database: FreshDatabase
let storage: Storage
let other: pg.Client
let opened: Storage[]
let name: string
let number = 0

beforeAll(async () => {
  database = await freshDatabase()
  storage = bareStorage(database.url, { maxConnections: 4 })
  await storage.listSubscriptions('', 1)
})

afterAll(async () => {
  await storage.close()
  await database.drop()
})

beforeEach(async () => {
  name = `s${++number}`
  opened = []
  other = await database.session('other')
  await other.query('begin')
})

afterEach(async () => {
  await other.query('rollback')
  await Promise.all(opened.map((one) => one.close()))
})

const create = (partitions = 1) => storage.createSubscription(name, definitionOf({ partitions }), 0)

function openStorage({
  connection = database.url,
  ...options
}: BareStorageOptions & { connection?: PostgresConnection }): Storage {
  const one = bareStorage(connection, options)
  opened.push(one)
  return one
}

/** Resolves once as many sessions wait for locks. */
async function waiting(count = 1): Promise<void> {
  const sessions = `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
  while ((await database.query(sessions)).length < count) await sleep(2)
}

/** Fails if the call does not answer although another transaction is open. */
async function atOnce<T>(call: Promise<T>): Promise<T> {
  const late = sleep(5_000).then(() => {
    throw new Error('The call waits for the other transaction')
  })
  return Promise.race([call, late])
}

/** What a handler's transaction does at its end: moves the checkpoint, and then commits. */
const advanceIn = (session: pg.Client, { place, partition, token }: Lease, position: number) =>
  session.query('select eventsourced.advance_checkpoint($1, $2, $3, $4) as held', [
    place,
    partition,
    token,
    position,
  ])

const beatIn = (session: pg.Client, subscription: RegisteredSubscription, worker: string) =>
  session.query('select * from eventsourced.keep_leases($1, $2, $3, $4, $5)', [
    [subscription.name],
    [subscription.place],
    [1],
    [worker],
    [60_000],
  ])

const takeOverIn = (session: pg.Client, { place, revision }: RegisteredSubscription, successor: string) =>
  session.query(
    'select eventsourced.take_over_subscription($1, $2, $3, gen_random_uuid(), $4, $5, null) as done',
    [name, place, revision, successor, JSON.stringify(definitionOf({ partitions: 3 }))],
  )

const positionsOf = async (of = name) => (await storage.checkpoints(of)).map(({ position }) => position)

describe('two processes that register one subscription', () => {
  const createIn = () =>
    other.query('select place from eventsourced.create_subscription($1, $2, 5, null)', [
      name,
      JSON.stringify(definitionOf({ partitions: 3 })),
    ])

  it('get the same one, and the second waits for the first', async () => {
    const { rows } = await createIn()
    const created = create()
    await waiting()
    await other.query('commit')
    expect(await created).toMatchObject({ place: rows[0].place, partitions: 3 })
    expect(await positionsOf()).toEqual([5, 5, 5])
  })

  it('the second registers it if the first rolls back', async () => {
    await createIn()
    const created = create()
    await waiting()
    await other.query('rollback')
    expect(await created).toMatchObject({ partitions: 1 })
    expect(await positionsOf()).toEqual([0])
  })
})

describe('beside a handler whose transaction is about to commit', () => {
  let subscription: RegisteredSubscription
  let lease: Lease

  beforeEach(async () => {
    subscription = await create(2)
    lease = (await keep(storage, subscription, 'owner')).leases[1] as Lease
    await advanceIn(other, lease, 7)
  })

  it('a heartbeat waits for nothing, and returns the lease to its owner', async () => {
    const { leases } = await atOnce(keep(storage, subscription, 'owner'))
    expect(leases).toMatchObject([{ token: 1 }, { token: 1, position: 0 }])
  })

  it('a heartbeat of another worker does not take the lease, although it has ended', async () => {
    await keep(storage, subscription, 'owner', { milliseconds: 1 })
    await sleep(5)
    expect(partitionsOf((await atOnce(keep(storage, subscription, 'taker'))).leases)).toEqual([0])
    await other.query('commit')
    expect(await keep(storage, subscription, 'taker')).toMatchObject({
      leases: [{ token: 2 }, { token: 2, position: 7 }],
    })
  })

  it('a checkpoint is busy until then, and moved after it', async () => {
    expect(await atOnce(storage.advance([{ lease, position: 9 }]))).toEqual(['busy'])
    await other.query('commit')
    expect(await storage.advance([{ lease, position: 6 }])).toEqual(['moved'])
    expect(await positionsOf()).toEqual([0, 7])
  })

  it('a release of several leases waits with that one only', async () => {
    const { leases } = await keep(storage, subscription, 'owner')
    const released = storage.releaseLeases([...leases].reverse(), 'owner')
    await waiting()
    expect((await storage.checkpoints(name)).map(({ owner }) => owner)).toEqual([undefined, 'owner'])
    await other.query('commit')
    await released
    expect((await storage.checkpoints(name)).map(({ owner }) => owner)).toEqual([undefined, undefined])
  })

  it.each(['commit', 'rollback'])('a change waits, and finds the checkpoint after its %s', async (end) => {
    const changed = storage.changeSubscription(subscription, { partitions: 3 })
    await waiting()
    await other.query(end)
    expect(await changed).toBe(true)
    const kept = await keep(storage, subscription, 'owner')
    expect(kept.skip).toEqual(end === 'commit' ? [[0, 7]] : [])
    expect(kept.leases).toMatchObject([{ token: 3 }, { token: 3 }, { token: 3 }])
    expect(await storage.advance([{ lease, position: 9 }])).toEqual(['lost'])
  })

  it('a takeover and a removal wait too', async () => {
    const taken = storage.takeOverSubscription(subscription, `${name} next`, definitionOf())
    await waiting()
    await other.query('commit')
    expect(await taken).toBe(true)
    const successor = await registered(storage, `${name} next`)
    const held = (await keep(storage, successor, 'owner')).leases[0] as Lease
    await other.query('begin')
    await advanceIn(other, held, 8)
    const removed = storage.removeSubscription(successor)
    await waiting()
    await other.query('commit')
    expect(await removed).toBe(true)
    expect(
      await database.query('select from eventsourced.checkpoints where place = $1', [lease.place]),
    ).toEqual([])
  })

  it('a change that must wait for too long throws a LockTimeoutError, and changes nothing', async () => {
    const impatient = openStorage({ timeout: 300 })
    const next = `${name} next`
    for (const call of [
      () => impatient.changeSubscription(subscription, { position: 3 }),
      () => impatient.takeOverSubscription(subscription, next, definitionOf()),
      () => impatient.removeSubscription(subscription),
    ]) {
      await refused(call(), 'lock-timeout')
    }
    await other.query('commit')
    expect(await registered(storage, name)).toEqual(subscription)
    expect(await storage.readSubscription(next)).toBeUndefined()
    expect(await storage.advance([{ lease, position: 9 }])).toEqual(['moved'])
  })
})

it('a transaction on the only connection of a process holds its lease, although no heartbeat runs beside it', async () => {
  const client = await database.session('lone')
  const lone = openStorage({ connection: client })
  const subscription = await create()
  const [lease] = (await keep(lone, subscription, 'lone', { milliseconds: 1 })).leases as [Lease]
  await lone.transaction('Handling', async (transaction) => {
    expect(await transaction.holdLease?.(lease)).toBe(true)
    await sleep(5)
    expect((await atOnce(keep(storage, subscription, 'taker'))).leases).toEqual([])
    await transaction.advance(lease, 3)
  })
  expect((await keep(storage, subscription, 'taker')).leases).toMatchObject([{ token: 2, position: 3 }])
})

describe('beside a change that is about to commit', () => {
  let subscription: RegisteredSubscription
  let leases: readonly Lease[]
  const next = () => `${name} next`

  beforeEach(async () => {
    subscription = await create(2)
    leases = (await keep(storage, subscription, 'owner')).leases
    await storage.advance([{ lease: leases[0] as Lease, position: 4 }])
  })

  it('a checkpoint is busy until then, and lost after it', async () => {
    await takeOverIn(other, subscription, next())
    const moves = leases.map((lease) => ({ lease, position: 9 }))
    expect(await atOnce(storage.advance(moves))).toEqual(['busy', 'busy'])
    await other.query('commit')
    expect(await storage.advance(moves)).toEqual(['lost', 'lost'])
    expect(await positionsOf(next())).toEqual([0, 0, 0])
  })

  it('a checkpoint moves if the change rolls back', async () => {
    await takeOverIn(other, subscription, next())
    const moves = leases.map((lease) => ({ lease, position: 9 }))
    expect(await storage.advance(moves)).toEqual(['busy', 'busy'])
    await other.query('rollback')
    expect(await storage.advance(moves)).toEqual(['moved', 'moved'])
  })

  it("a handler's transaction waits, and then loses its lease", async () => {
    await takeOverIn(other, subscription, next())
    const handled = storage.transaction('Handling', (transaction) =>
      transaction.advance(leases[0] as Lease, 9),
    )
    const failed = refused(handled, 'lease-lost')
    await waiting()
    await other.query('commit')
    await failed
    expect(await positionsOf(next())).toEqual([0, 0, 0])
  })

  it('a heartbeat of the owner waits for its own row only, and is superseded', async () => {
    await takeOverIn(other, subscription, next())
    const kept = storage.keepLeases([beatOf(subscription, 'owner')])
    await waiting()
    await other.query('commit')
    expect(await kept).toEqual([{ kind: 'superseded' }])
    const owners = await database.query<{ owner: unknown }>(
      'select owner from eventsourced.checkpoints where place = $1',
      [subscription.place],
    )
    expect(owners.map(({ owner }) => owner)).toEqual([null, null, null])
    // Nothing is left of a worker that joined again while it waited, after its next heartbeat.
    await storage.keepLeases([beatOf(subscription, 'owner')])
    const successor = await registered(storage, next())
    expect(await keep(storage, successor, 'new')).toMatchObject({ share: 3, leases: [{}, {}, {}] })
  })

  it('a heartbeat of a version that the change replaces takes nothing', async () => {
    const { place, revision } = subscription
    const definition = JSON.stringify(definitionOf({ version: 2 }))
    await other.query(
      'select eventsourced.change_subscription($1, $2, $3, gen_random_uuid(), $4, null, null, false, null)',
      [name, place, revision, definition],
    )
    const kept = storage.keepLeases([beatOf(subscription, 'owner')])
    await waiting()
    await other.query('commit')
    expect(await kept).toEqual([{ kind: 'superseded' }])
    expect((await storage.checkpoints(name)).map(({ owner }) => owner)).toEqual([undefined, undefined])
  })

  it('a heartbeat of another worker takes nothing, waits for nothing, and is superseded after it', async () => {
    await storage.releaseLeases(leases, 'owner')
    await takeOverIn(other, subscription, next())
    expect(await atOnce(keep(storage, subscription, 'stranger'))).toMatchObject({ leases: [] })
    await other.query('commit')
    expect(await storage.keepLeases([beatOf(subscription, 'stranger')])).toEqual([{ kind: 'superseded' }])
  })

  it('a second change waits, and finds another revision', async () => {
    await takeOverIn(other, subscription, next())
    const changed = storage.changeSubscription(subscription, { position: 1 })
    await waiting()
    await other.query('commit')
    expect(await changed).toBe(false)
    expect(await storage.readSubscription(name)).toMatchObject({ successor: next() })
  })

  it('a successor whose name another process registers at the same time gets nothing', async () => {
    await other.query('select from eventsourced.create_subscription($1, $2, 0, null)', [
      next(),
      JSON.stringify(definitionOf()),
    ])
    const taken = storage.takeOverSubscription(subscription, next(), definitionOf())
    await waiting()
    await other.query('commit')
    expect(await taken).toBe(false)
    expect(await registered(storage, name)).toEqual(subscription)
  })
})

describe('beside a heartbeat of another process that is about to commit', () => {
  it('a heartbeat takes none of the leases that the other one takes, and waits for nothing', async () => {
    const subscription = await create(4)
    await beatIn(other, subscription, 'first')
    expect(await atOnce(keep(storage, subscription, 'second'))).toMatchObject({ leases: [] })
    await other.query('rollback')
    expect((await keep(storage, subscription, 'second')).leases).toHaveLength(4)
  })

  it('a change waits, and ends the leases that the other one takes', async () => {
    const subscription = await create(2)
    await beatIn(other, subscription, 'first')
    const changed = storage.changeSubscription(subscription, { position: 3 })
    await waiting()
    await other.query('commit')
    expect(await changed).toBe(true)
    expect((await storage.checkpoints(name)).map(({ owner }) => owner)).toEqual([undefined, undefined])
    expect(await keep(storage, subscription, 'first')).toMatchObject({ leases: [{ token: 3 }, { token: 3 }] })
  })

  // The race: a worker that has slept for longer than its lease wakes up while another one takes its leases.
  it.each(['commit', 'rollback'])(
    'a late worker that the other one removes learns at once whether its leases are taken: %s',
    async (end) => {
      const subscription = await create(2)
      const { leases } = await keep(storage, subscription, 'late', { milliseconds: 1 })
      await sleep(5)
      await beatIn(other, subscription, 'taker')
      const kept = keep(storage, subscription, 'late')
      await waiting()
      await other.query(end)
      expect((await kept).leases).toEqual(end === 'commit' ? [] : leases)
    },
  )

  it.each(['commit', 'rollback'])(
    'a late worker that was removed before does not count on leases that another one may be taking: %s',
    async (end) => {
      const subscription = await create(2)
      const { leases } = await keep(storage, subscription, 'late', { milliseconds: 1 })
      await sleep(5)
      await storage.pauseSubscription(name, true)
      await keep(storage, subscription, 'taker')
      await storage.pauseSubscription(name, false)
      expect(
        await database.query('select worker from eventsourced.workers where place = $1', [
          subscription.place,
        ]),
      ).toEqual([{ worker: 'taker' }])

      await beatIn(other, subscription, 'taker')
      expect((await atOnce(keep(storage, subscription, 'late'))).leases).toEqual([])
      await other.query(end)
      expect((await keep(storage, subscription, 'late')).leases).toEqual(end === 'commit' ? [] : leases)
    },
  )

  it('a late worker that was removed keeps what nobody takes, with its tokens', async () => {
    const subscription = await create(2)
    const { leases } = await keep(storage, subscription, 'late', { milliseconds: 1 })
    await sleep(5)
    await storage.pauseSubscription(name, true)
    await keep(storage, subscription, 'taker')
    await storage.pauseSubscription(name, false)
    expect((await keep(storage, subscription, 'late')).leases).toEqual(leases)
    expect((await keep(storage, subscription, 'taker')).leases).toEqual([])
  })
})

describe('an answer that is lost after the commit', () => {
  /** Opens a storage that loses the first answer to a statement whose name contains the text. */
  function losing(text: string): Storage {
    let isLost = false
    return openStorage({
      afterStatement({ name: statement }) {
        if (isLost || !statement.includes(text)) return
        isLost = true
        throw Object.assign(new Error('Connection terminated'), { code: 'ECONNRESET' })
      },
    })
  }

  it('of a change: the retry finds that its own call has changed the subscription', async () => {
    const subscription = await create()
    expect(await losing('change_subscription').changeSubscription(subscription, { position: 3 })).toBe(true)
    expect((await registered(storage, name)).revision).toBe(subscription.revision + 1)
    expect(await losing('change_subscription').changeSubscription(subscription, { position: 4 })).toBe(false)
    expect(await positionsOf()).toEqual([3])
  })

  it('of a takeover', async () => {
    const subscription = await create()
    const next = `${name} next`
    const taken = losing('take_over').takeOverSubscription(subscription, next, definitionOf())
    expect(await taken).toBe(true)
    expect(await registered(storage, next)).toMatchObject({ place: subscription.place })
    expect(await losing('take_over').takeOverSubscription(subscription, next, definitionOf())).toBe(false)
  })

  it('of a removal, even if another process has registered the name again', async () => {
    const subscription = await create()
    expect(await losing('remove_subscription').removeSubscription(subscription)).toBe(true)
    const again = await create()
    expect(await losing('remove_subscription').removeSubscription(subscription)).toBe(true)
    expect(await losing('remove_subscription').removeSubscription({ ...again, revision: 99 })).toBe(false)
    expect(await registered(storage, name)).toEqual(again)
  })

  it('of a registration, a pause and a retry of parked events', async () => {
    const subscription = await losing('create_subscription').createSubscription(name, definitionOf(), 0)
    expect(await losing('pause').pauseSubscription(name, true)).toBe(true)
    expect((await registered(storage, name)).revision).toBe(subscription.revision + 1)
    await storage.pauseSubscription(name, false)
    const { leases } = await keep(storage, subscription, 'owner')
    await storage.park(leases[0] as Lease, [parkedAt(3)], 3)
    expect(await losing('retry_parked').retryParked(name, [3])).toEqual([3])
    expect((await keep(storage, subscription, 'owner')).parkedRequests).toBe(1)
  })
})
