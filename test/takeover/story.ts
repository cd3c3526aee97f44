/**
 * Plays a story on a storage: workers take leases and move checkpoints, some of them with leases that they have lost,
 * while others divide the streams again, raise versions, and take places over. At the end, every event must be handled
 * once. An event counts as handled when the storage accepts a checkpoint over it, unless a skip layer passes over it.
 */
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { hasCode } from '../../src/errors/index.ts'
import { partitionOf } from '../../src/storage/partition.ts'
import type { RegisteredSubscription, SkipLayer, SubscriptionDefinition } from '../../src/storage/registry.ts'
import type { Lease, MoveOutcome, WorkerBeat } from '../../src/storage/subscriptions.ts'
import { definitionOf } from '../postgres/bare-storage.ts'
import type { StoryGround, StoryProcess } from './storages.ts'

const lastPosition = 40
const streams = 12
const mostPartitions = 8
const mostRounds = 400

type Action =
  | { readonly kind: 'start' }
  | { readonly kind: 'keep' | 'release' | 'leave'; readonly worker: number }
  | {
      readonly kind: 'advance'
      readonly worker: number
      readonly lease: number
      readonly by: number
      readonly inTransaction: boolean
    }
  | {
      readonly kind: 'repartition' | 'raise' | 'take over'
      readonly partitions: number
      /** After so many requests the process dies, if the storage needs several. */
      readonly diesAfter: number | undefined
    }
  | { readonly kind: 'wait' }

export interface Story {
  readonly partitions: number
  /** The stream of each event; its position is its place in the list. */
  readonly events: readonly number[]
  readonly steps: readonly { readonly action: Action; readonly process: number; readonly atOnce: boolean }[]
}

/** A lease that a worker has got, and how far it has come with it. It may use it even when it has lost it. */
interface Held {
  readonly lease: Lease
  readonly skip: readonly SkipLayer[]
  at: number
  /**
   * 'lost': the storage must refuse it, because another worker has a later one, or a change has ended it. 'unsure': a
   * change at the same time, or of a process that has died, may have ended it.
   */
  state: 'held' | 'unsure' | 'lost'
}

interface Worker {
  readonly process: StoryProcess
  readonly beat: WorkerBeat
  readonly held: Held[]
  /** Of two steps at the same time, one worker takes part in one. */
  isBusy: boolean
}

let stories = 0

class StoryRun {
  readonly #ground: StoryGround
  readonly #events: readonly { readonly position: number; readonly streamId: string }[]
  readonly #handled = new Map<number, number>()
  readonly #workers: Worker[] = []
  /** The owner of each token that was granted. */
  readonly #grants = new Map<string, Worker>()
  readonly #lastTokens = new Map<string, number>()
  readonly #prefix: string
  #successors = 0
  /** What the next worker runs. The registry may be behind, if the process died that wanted to change it. */
  #program: { readonly name: string; readonly version: number }
  #isConcurrent = false

  constructor(ground: StoryGround, { events }: Story) {
    this.#ground = ground
    this.#prefix = `story ${++stories}`
    this.#program = { name: this.#prefix, version: 1 }
    this.#events = events.map((stream, index) => ({ position: index + 1, streamId: `stream-${stream}` }))
  }

  get #storage() {
    return (this.#ground.processes[0] as StoryProcess).storage
  }

  #process(which: number): StoryProcess {
    return this.#ground.processes[which % this.#ground.processes.length] as StoryProcess
  }

  async play({ partitions, steps }: Story): Promise<void> {
    await this.#storage.createSubscription(this.#prefix, definitionOf({ partitions }), 0)
    for (let at = 0; at < steps.length; at++) {
      const [step, next] = [steps[at], steps[at + 1]]
      if (step === undefined) break
      this.#isConcurrent = step.atOnce && next !== undefined
      if (!this.#isConcurrent || next === undefined) await this.#perform(step.action, step.process)
      else {
        await Promise.all([
          this.#perform(step.action, step.process),
          this.#perform(next.action, next.process),
        ])
        at++
      }
    }
    this.#isConcurrent = false
    await this.#finish()
  }

  async #perform(action: Action, process: number): Promise<void> {
    if (action.kind === 'wait') return this.#ground.pass(this.#ground.leaseTime + 1)
    if (action.kind === 'start') return this.#start(process)
    if ('partitions' in action) return this.#change(action, this.#process(process))
    const worker = this.#workers[action.worker % this.#workers.length]
    if (worker === undefined || worker.isBusy) return
    worker.isBusy = true
    try {
      if (action.kind === 'keep') await this.#keep(worker)
      else if (action.kind === 'advance') {
        const held = worker.held[worker.held.length - 1 - (action.lease % worker.held.length)]
        if (held !== undefined) await this.#advance(worker, held, action.by, action.inTransaction)
      } else if (action.kind === 'release') {
        const held = worker.held.at(-1)
        if (held === undefined) return
        await worker.process.storage.releaseLeases([held.lease], worker.beat.worker)
        held.state = 'lost'
      } else {
        await worker.process.storage.leave(worker.beat.place, worker.beat.worker)
        for (const held of worker.held) held.state = 'lost'
      }
    } finally {
      worker.isBusy = false
    }
  }

  async #start(which: number): Promise<void> {
    const { name, version } = this.#program
    const process = this.#process(which)
    const registered = await process.storage.readSubscription(name)
    if (registered?.place === undefined) return
    const worker = `${this.#prefix} worker ${this.#workers.length}`
    const { leaseTime: milliseconds } = this.#ground
    const beat = { subscription: name, place: registered.place, version, worker, milliseconds }
    this.#workers.push({ process, beat, held: [], isBusy: false })
  }

  async #keep(worker: Worker): Promise<void> {
    const [kept] = await worker.process.storage.keepLeases([worker.beat])
    if (kept?.kind !== 'kept') return
    for (const lease of kept.leases) {
      const { place, partition, token, position } = lease
      const key = `${place} ${partition}`
      const owner = this.#grants.get(`${key} ${token}`)
      assert.ok(owner === undefined || owner === worker, `token ${token} of ${key} has two owners`)
      this.#grants.set(`${key} ${token}`, worker)
      const last = this.#lastTokens.get(key) ?? -1
      assert.ok(this.#isConcurrent || token >= last, `token ${token} of ${key} comes after ${last}`)
      this.#lastTokens.set(key, Math.max(last, token))
      for (const held of this.#allHeld) {
        const { lease: other } = held
        if (other.place === place && other.partition === partition && other.token < token) held.state = 'lost'
      }
      if (owner === worker) continue
      const state = token < last ? 'lost' : this.#isConcurrent ? 'unsure' : 'held'
      worker.held.push({ lease, skip: kept.skip, at: position, state })
    }
  }

  get #allHeld(): readonly Held[] {
    return this.#workers.flatMap(({ held }) => held)
  }

  async #advance(worker: Worker, held: Held, by: number, inTransaction: boolean): Promise<void> {
    const { lease, at } = held
    const position = Math.min(lastPosition, at + by)
    const before = held.state
    const outcome = inTransaction
      ? await this.#advanceInTransaction(worker, lease, position)
      : (await worker.process.storage.advance([{ lease, position }]))[0]
    if (before === 'lost')
      assert.equal(outcome, 'lost', `a lost lease was accepted: ${JSON.stringify(lease)}`)
    if (before === 'held' && !this.#isConcurrent) assert.equal(outcome, 'moved', JSON.stringify(lease))
    if (outcome !== 'moved') return
    for (const { position: one, streamId } of this.#events) {
      if (one <= at || one > position || partitionOf(streamId, lease.partitions) !== lease.partition) continue
      if (held.skip.some((layer) => one <= (layer[partitionOf(streamId, layer.length)] as number))) continue
      this.#handled.set(one, (this.#handled.get(one) ?? 0) + 1)
    }
    held.at = position
  }

  async #advanceInTransaction(worker: Worker, lease: Lease, position: number): Promise<MoveOutcome> {
    try {
      await worker.process.storage.transaction('Handling', (transaction) =>
        transaction.advance(lease, position),
      )
      return 'moved'
    } catch (error) {
      if (hasCode(error, 'lease-lost')) return 'lost'
      throw error
    }
  }

  async #change(
    { kind, partitions, diesAfter }: Extract<Action, { readonly partitions: number }>,
    process: StoryProcess,
  ): Promise<void> {
    const current = await this.#registered(process)
    const before = this.#allHeld.filter(({ lease }) => lease.place === current.place)
    const version = current.definition?.version ?? 1
    const definition: SubscriptionDefinition = definitionOf({ partitions, version })
    const raised = { ...definition, version: version + 1 }
    const successor = `${this.#prefix}, successor ${++this.#successors}`
    const work = ({ storage }: Pick<StoryProcess, 'storage'>) => {
      if (kind === 'repartition') return storage.changeSubscription(current, { partitions })
      if (kind === 'raise') return storage.changeSubscription(current, { definition: raised, partitions })
      return storage.takeOverSubscription(current, successor, { ...definition, version: 1 })
    }
    const { dieDuring } = process
    const outcome =
      diesAfter === undefined || dieDuring === undefined
        ? await work(process)
        : await dieDuring(diesAfter, (storage) => work({ storage }))
    assert.ok(outcome !== false || this.#isConcurrent, 'nobody else has changed it')
    if (outcome === false) return
    const state = outcome === true ? 'lost' : 'unsure'
    for (const held of before) if (held.state !== 'lost') held.state = state
    if (kind === 'raise') this.#program = { name: current.name, version: version + 1 }
    if (kind === 'take over') this.#program = { name: successor, version: 1 }
  }

  /** What is registered now under the last name that has a place. */
  async #registered({ storage }: StoryProcess): Promise<RegisteredSubscription> {
    for (let name = this.#prefix; ; ) {
      const found = await storage.readSubscription(name)
      assert.ok(found !== undefined, `'${name}' is registered`)
      if (found.successor === undefined) return found
      name = found.successor
    }
  }

  /** Lets new workers handle what is left. */
  async #finish(): Promise<void> {
    const { name, definition } = await this.#registered(this.#ground.processes[0] as StoryProcess)
    this.#program = { name, version: definition?.version ?? 1 }
    const from = this.#workers.length
    for (const [which] of this.#ground.processes.entries()) await this.#start(which)
    for (let round = 0; ; round++) {
      assert.ok(round < mostRounds, 'the story does not end')
      const checkpoints = await this.#storage.checkpoints(name)
      if (checkpoints.every(({ position }) => position >= lastPosition)) break
      for (const worker of this.#workers.slice(from)) {
        await this.#keep(worker)
        // In time with others: a lease may end between two of these calls. The storage then refuses it.
        this.#isConcurrent = true
        for (const held of worker.held) {
          if (held.state !== 'lost') await this.#advance(worker, held, lastPosition, round % 2 === 0)
        }
        this.#isConcurrent = false
      }
      await this.#ground.pass(this.#ground.leaseTime / 4)
    }
    for (const worker of this.#workers.slice(0, from)) {
      for (const held of worker.held) await this.#advance(worker, held, lastPosition, false)
    }
    const counts = this.#events.map(({ position }) => [position, this.#handled.get(position) ?? 0])
    const wrong = counts.filter(([, count]) => count !== 1)
    assert.deepEqual(wrong, [], 'every event is handled once')
  }
}

export const playStory = (ground: StoryGround, story: Story): Promise<void> =>
  new StoryRun(ground, story).play(story)

const worker = fc.nat(5)
const partitions = fc.integer({ min: 1, max: mostPartitions })
const keep = fc.record({ kind: fc.constant('keep' as const), worker })
const advance = fc.record({
  kind: fc.constant('advance' as const),
  worker,
  lease: fc.nat(9),
  by: fc.integer({ min: 1, max: 25 }),
  inTransaction: fc.boolean(),
})
const change = fc.record({
  kind: fc.constantFrom('repartition', 'repartition', 'raise', 'take over' as const),
  partitions,
  diesAfter: fc.option(fc.nat(25), { nil: undefined }),
})
const rest = fc.oneof(
  fc.record({ kind: fc.constantFrom('release', 'leave' as const), worker }),
  fc.constant({ kind: 'wait' as const }),
)
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ kind: 'start' as const }) },
  { weight: 6, arbitrary: keep },
  { weight: 9, arbitrary: advance },
  { weight: 3, arbitrary: change },
  { weight: 2, arbitrary: rest },
)
const step = fc.record({ action, process: fc.nat(2), atOnce: fc.boolean() })
const start = { action: { kind: 'start' as const }, process: 0, atOnce: false }

export const story: fc.Arbitrary<Story> = fc.record({
  partitions,
  events: fc.array(fc.nat(streams - 1), { minLength: lastPosition, maxLength: lastPosition }),
  steps: fc
    .array(step, { minLength: 10, maxLength: 60, size: 'max' })
    .map((steps) => [start, { ...start, process: 1 }, ...steps]),
})
