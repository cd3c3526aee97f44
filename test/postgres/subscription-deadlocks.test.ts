/**
 * Two processes that keep the leases of 50 subscriptions while operators change, take over and remove them. The faults: a
 * deadlock, an error, a lease that a worker loses without a reason, and shares that do not become even again.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sleep } from '../../src/runtime/abort.ts'
import type { RegisteredSubscription } from '../../src/storage/registry.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { Lease } from '../../src/storage/subscriptions.ts'
import { rounds } from '../rounds.ts'
import { bareStorage, beatOf, definitionOf, parkedAt } from './bare-storage.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const subscriptionCount = 50
const partitions = 8
const milliseconds = 5_000 * rounds

let database: FreshDatabase
let storages: readonly [Storage, Storage]

beforeAll(async () => {
  database = await freshDatabase()
  const open = () => bareStorage(database.url, { maxConnections: 8, onError: (error) => errors.push(error) })
  storages = [open(), open()]
  await storages[0].listSubscriptions('', 1)
})

afterAll(async () => {
  await Promise.all(storages.map((storage) => storage.close()))
  await database.drop()
})

/** The errors of all statements. The storage retries after a deadlock (40P01), so that its callers do not see it. */
const errors: unknown[] = []

/** What the operators have made of each subscription, by its first name. */
const current = new Map<string, RegisteredSubscription>()
/** The subscriptions whose leases an operator has ended, or is ending, since a worker last looked. */
const touched = new Map<string, Set<string>>()

/** The changes that operators are making now. A worker may see their effect before the operator has their answer. */
const underWay = new Set<{ readonly first: string }>()

let changes = 0

const random = (below: number) => Math.floor(Math.random() * below)

function shuffled<T>(list: readonly T[]): T[] {
  const order = list.map((one) => ({ one, rank: Math.random() }))
  return order.sort((a, b) => a.rank - b.rank).map(({ one }) => one)
}

/** Sends heartbeats as one process does, releases what exceeds its share, and moves checkpoints. */
class Process {
  readonly #storage: Storage
  readonly #worker: string
  /** The leases of the last heartbeat, by subscription. */
  readonly #held = new Map<
    string,
    { readonly place: string | undefined; readonly leases: readonly Lease[] }
  >()
  readonly lost: string[] = []
  beats = 0

  constructor(storage: Storage, worker: string) {
    this.#storage = storage
    this.#worker = worker
    touched.set(worker, new Set())
  }

  async beat(): Promise<void> {
    const changedBefore = touched.get(this.#worker) as Set<string>
    touched.set(this.#worker, new Set())
    const subscriptions = shuffled([...current])
    const answers = await this.#storage.keepLeases(
      subscriptions.map(([, subscription]) => beatOf(subscription, this.#worker)),
    )
    this.beats++
    const released: Lease[] = []
    for (const [index, [first, { place }]] of subscriptions.entries()) {
      const answer = answers[index]
      const before = this.#held.get(first)
      const leases = answer?.kind === 'kept' ? answer.leases : []
      const isChanged =
        changedBefore.has(first) ||
        touched.get(this.#worker)?.has(first) ||
        [...underWay].some((change) => change.first === first)
      const missing = before?.leases.filter(
        ({ partition, token }) => !leases.some((one) => one.partition === partition && one.token === token),
      )
      if (!isChanged && missing !== undefined && missing.length > 0 && before?.place === place) {
        this.lost.push(`${this.#worker}: ${first} ${JSON.stringify(missing)}`)
      }
      const share = answer?.kind === 'kept' ? answer.share : 0
      this.#held.set(first, { place, leases: leases.slice(0, share) })
      released.push(...leases.slice(share))
    }
    await this.#storage.releaseLeases(shuffled(released), this.#worker)
    await this.advance()
  }

  async advance(): Promise<void> {
    const leases = shuffled([...this.#held.values()].flatMap((held) => held.leases))
    await this.#storage.advance(leases.map((lease) => ({ lease, position: lease.position + random(20) })))
    for (const lease of leases.slice(0, 5)) {
      const positions = [1, 2, 3].map(() => 1 + random(20))
      const events = [...new Set(positions)].map((position) => parkedAt(position, { state: 'blocked' }))
      await this.#storage.park(lease, events, lease.position).catch((error: { code?: string }) => {
        if (error.code !== 'lease-lost') throw error
      })
    }
  }

  held(first: string): readonly Lease[] {
    return this.#held.get(first)?.leases ?? []
  }
}

/** Makes one change of a random subscription. */
async function administer(storage: Storage, number: string): Promise<void> {
  const [first, known] = shuffled([...current])[0] as [string, RegisteredSubscription]
  const touch = () => {
    for (const names of touched.values()) names.add(first)
  }
  touch()
  const change = { first }
  underWay.add(change)
  try {
    await changeAtRandom(storage, first, known, number)
  } finally {
    touch()
    underWay.delete(change)
  }
}

async function changeAtRandom(
  storage: Storage,
  first: string,
  known: RegisteredSubscription,
  number: string,
): Promise<void> {
  const definition = definitionOf({ partitions })
  const next = `${first} ${number}`
  const change = random(6)
  changes++
  if (change === 0) await storage.changeSubscription(known, { partitions: 1 + random(partitions) })
  if (change === 1) await storage.changeSubscription(known, { definition, position: random(50), partitions })
  if (change === 2 && (await storage.takeOverSubscription(known, next, definition))) {
    current.set(first, (await storage.readSubscription(next)) ?? known)
  }
  if (change === 3) await storage.removeSubscription(known)
  if (change === 4) await storage.retryParked(known.name, shuffled([1, 5, 9, 13, 17]))
  if (change === 5) await storage.skipParked(known.name, shuffled([2, 6, 10, 14, 17]))
  const found = await storage.readSubscription((current.get(first) ?? known).name)
  current.set(first, found ?? (await storage.createSubscription(known.name, definition, random(50))))
}

it('leads to no deadlock and no lost lease, and shares become even', {
  timeout: 60_000 + 2 * milliseconds,
}, async () => {
  const [one, other] = storages
  for (let index = 0; index < subscriptionCount; index++) {
    const name = `subscription ${index}`
    current.set(name, await one.createSubscription(name, definitionOf({ partitions }), 0))
  }
  const processes = storages.map((storage, index) => new Process(storage, `process ${index}`))
  const end = performance.now() + milliseconds
  const until = async (work: (round: number) => Promise<void>) => {
    for (let round = 0; performance.now() < end; round++) {
      await work(round)
      await sleep(random(5))
    }
  }
  await Promise.all([
    ...processes.map((process) => until(() => process.beat())),
    ...processes.map((process) => until(() => process.advance())),
    until((round) => administer(other, `a${round}`)),
    until((round) => administer(one, `b${round}`)),
  ])
  expect(processes.flatMap(({ lost }) => lost)).toEqual([])
  const states = errors.map((error) => (error as { code?: unknown }).code)
  // A change that has waited for a lock for 100 ms gives the locks that it holds back, and tries again.
  expect(states.filter((state) => state !== '55P03')).toEqual([])
  expect(changes).toBeGreaterThan(20)
  for (const { beats } of processes) expect(beats).toBeGreaterThan(5)

  for (let round = 0; round < 4; round++) for (const process of processes) await process.beat()
  for (const [first, { name }] of current) {
    const owners = (await one.checkpoints(name)).map(({ owner }) => owner)
    expect(owners, name).not.toContain(undefined)
    const counts = processes.map((process) => process.held(first).length)
    expect(Math.max(...counts), name).toBe(Math.ceil(owners.length / 2))
    expect(
      counts.reduce((sum, count) => sum + count, 0),
      name,
    ).toBe(owners.length)
  }
})
