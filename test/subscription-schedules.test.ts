/**
 * Subscriptions under a scheduler that releases every call of the storage, every answer, every pause and every handler in
 * any order, while workers crash, fall silent for longer than their leases, and lose answers after the effect.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../src/clock.ts'
import { StoreUnavailableError } from '../src/errors.ts'
import { MemoryDocuments } from '../src/memory/documents.ts'
import { MemoryLog } from '../src/memory/log.ts'
import { MemorySubscriptions } from '../src/memory/subscriptions.ts'
import { Turnstile, transact } from '../src/memory/transaction.ts'
import type { Storage } from '../src/storage.ts'
import type { SubscriptionEnvironment } from '../src/subscription/environment.ts'
import { planOf } from '../src/subscription/plan.ts'
import type { SubscribeOptions } from '../src/subscription/subscription.ts'
import { Worker } from '../src/subscription/worker.ts'
import { uuidv7 } from '../src/uuid.ts'

const eventCount = 3
const leaseTime = 100

/** What happens to the nth call of a worker's storage. */
type Fault = 'none' | 'lost before' | 'lost after'

interface Scenario {
  readonly transactional: boolean
  readonly batchSize: number
  /** Of each worker: after how many calls it crashes (or never), and its faults. */
  readonly workers: readonly { readonly crashesAfter: number; readonly faults: readonly Fault[] }[]
}

const fault = fc.constantFrom<Fault>('none', 'none', 'none', 'none', 'lost before', 'lost after')
const worker = fc.record({
  crashesAfter: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1, max: 25 })),
  faults: fc.array(fault, { maxLength: 12 }),
})

const scenarioOf = (transactional: boolean): fc.Arbitrary<Scenario> =>
  fc.record({
    transactional: fc.constant(transactional),
    batchSize: fc.integer({ min: 1, max: 3 }),
    workers: fc.array(worker, { minLength: 1, maxLength: 2 }),
  })

class World {
  readonly handled: number[] = []
  readonly subscriptions: MemorySubscriptions
  readonly documents = new MemoryDocuments()
  readonly log = new MemoryLog()
  /** Of each holder that the lease has had. */
  readonly tokens = new Set<number>()
  faults = 0
  isCalm = false
  #now = 0
  #isOver = false
  readonly #scheduler: fc.Scheduler
  readonly turnstile = new Turnstile()

  constructor(scheduler: fc.Scheduler) {
    this.#scheduler = scheduler
    this.subscriptions = new MemorySubscriptions(() => this.#now)
    const events = Array.from({ length: eventCount }, (_, index) => ({
      id: uuidv7(),
      type: 'Counted',
      data: JSON.stringify({ number: index + 1 }),
      metadata: '{}',
      tags: [],
    }))
    this.log.record(this.log.planAppends([{ streamId: 's', expectedVersion: 'any', events }]))
  }

  /** Nothing that waits is ever released again. */
  end(): void {
    this.#isOver = true
  }

  async pass(label: string): Promise<void> {
    await this.#scheduler.schedule(Promise.resolve(), label)
    if (this.#isOver) await new Promise(() => {})
  }

  /** Whoever sleeps may be woken late by any time: that is how a worker outlives its lease. Later on time goes slowly. */
  readonly clock: Clock = {
    now: () => this.#now,
    sleep: async (milliseconds, signal) => {
      const end = this.#now + milliseconds
      await this.pass('sleep')
      this.#now = this.isCalm ? this.#now + 1 : Math.max(this.#now, end)
      signal?.throwIfAborted()
    },
  }

  start({ crashesAfter, faults }: Scenario['workers'][number], options: SubscribeOptions): Worker {
    let calls = 0
    // The server ends the transaction of a client that is gone.
    const gone = new AbortController()
    const crash = () => {
      gone.abort()
      return new Promise<never>(() => {})
    }
    const call = async <T>(label: string, effect: () => Promise<T>): Promise<T> => {
      const nth = calls++
      await this.pass(label)
      if (nth >= crashesAfter) await crash()
      const fault = faults[nth] ?? 'none'
      if (fault !== 'none') this.faults++
      const lost = () => new StoreUnavailableError(label, 1, new Error(fault))
      if (fault === 'lost before') throw lost()
      const result = await effect()
      await this.pass(`${label} answered`)
      if (nth + 1 >= crashesAfter) await crash()
      if (fault === 'lost after') throw lost()
      return result
    }
    const { log, subscriptions } = this
    const storage = {
      readLog: (query) => call('readLog', () => log.readLog(query)),
      lastPosition: () => call('lastPosition', () => log.lastPosition()),
      createSubscription: (name, partitions, position) =>
        call('create', () => subscriptions.createSubscription(name, partitions, position)),
      keepLeases: (name, worker, milliseconds) =>
        call('keepLeases', async () => {
          const kept = await subscriptions.keepLeases(name, worker, milliseconds)
          for (const { token } of kept.leases) this.tokens.add(token)
          return kept
        }),
      releaseLeases: (leases) => call('release', () => subscriptions.releaseLeases(leases)),
      leave: (name, worker) => call('leave', () => subscriptions.leave(name, worker)),
      advance: (lease, position) => call('advance', () => subscriptions.advance(lease, position)),
      checkpoints: (name) => call('checkpoints', () => subscriptions.checkpoints(name)),
      parkedToHandle: (lease, limit) => call('parked', () => subscriptions.parkedToHandle(lease, limit)),
      transaction: (_what, work) => call('transaction', () => transact(this, work, gone.signal)),
    } satisfies Partial<Storage> as unknown as Storage
    const wakeup: SubscriptionEnvironment['wakeup'] = {
      count: 0,
      wait: (milliseconds, _since, signal) => this.clock.sleep(milliseconds, signal),
    }
    const started = new Worker({ storage, clock: this.clock, wakeup }, planOf(storage, options))
    return started
  }

  get checkpoint(): Promise<number> {
    return this.subscriptions.checkpoints('s').then(([checkpoint]) => checkpoint?.position ?? 0)
  }
}

async function run(scheduler: fc.Scheduler, { transactional, batchSize, workers }: Scenario): Promise<void> {
  const world = new World(scheduler)
  const options: SubscribeOptions = {
    name: 's',
    transactional,
    batchSize,
    leaseTime,
    async handle(event, context) {
      await world.pass('handle')
      world.handled.push(event.position)
      if (!transactional) return
      const list = context.tx.documents<number[]>('written')
      await list.put('all', [...((await list.get('all')) ?? []), event.position])
    },
  }
  for (const one of workers) world.start(one, options)
  // Somebody is there in the end.
  world.start({ crashesAfter: Number.POSITIVE_INFINITY, faults: [] }, options)
  for (let step = 0; (await world.checkpoint) < eventCount; step++) {
    world.isCalm = step > 150
    if (step > 20_000) throw new Error('it does not come to an end')
    if (scheduler.count() > 0) await scheduler.waitOne()
    else await new Promise(setImmediate)
  }
  world.end()

  const positions = Array.from({ length: eventCount }, (_, index) => index + 1)
  // None is skipped, and none comes before an earlier one.
  expect([...new Set(world.handled)]).toEqual(positions)
  const most = world.tokens.size + world.faults
  for (const position of positions) {
    expect(world.handled.filter((one) => one === position).length).toBeLessThanOrEqual(most)
  }
  if (transactional) {
    const written = world.documents.at({ projection: 'written', generation: 0, key: 'all' })
    expect(JSON.parse(written?.state ?? '[]')).toEqual(positions)
  }
}

describe('in any order of calls, answers, pauses, crashes and take-overs', () => {
  it('no event is skipped or handled out of order, and again only after a fault or a take-over', async () => {
    await fc.assert(fc.asyncProperty(fc.scheduler(), scenarioOf(false), run), { numRuns: 6_000 })
  }, 240_000)

  it('what is written with a transaction is written exactly once', async () => {
    await fc.assert(fc.asyncProperty(fc.scheduler(), scenarioOf(true), run), { numRuns: 4_000 })
  }, 240_000)
})
