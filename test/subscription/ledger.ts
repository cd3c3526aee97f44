/** What the model notes of one subscription, under all names that it has had: which events are handled, and in what order. */
import { strict as assert } from 'node:assert'
import type { RecordedEvent } from '../../src/event.ts'
import { partitionOf } from '../../src/storage/partition.ts'
import type { SubscriptionChange } from '../../src/storage/registry.ts'
import type { Lease, SubscriptionStorage } from '../../src/storage/subscriptions.ts'

/** What a ledger needs of the model. */
interface LedgerModel {
  readonly log: readonly RecordedEvent[]
  readonly subscriptions: Pick<SubscriptionStorage, 'listParked'>
  fail(message: string): never
}

export interface SubscriptionPlan {
  /** Its first name. The names of successors continue it after a dot. */
  readonly base: string
  /** The number of partitions of its first version. */
  readonly partitions: number
  readonly types: readonly string[] | undefined
  readonly transactional: boolean
  readonly action: 'stop' | 'park' | 'block-stream'
  readonly batchSize: number
  readonly takesBatches: boolean
  readonly leaseTime: number
}

/** What a process runs: a name, and a version of it. */
export interface Program {
  readonly name: string
  readonly version: number
  readonly partitions: number
  /** The name whose place it takes over. */
  readonly after?: string
}

export const baseOf = (name: string): string => name.split('.')[0] as string

export class Ledger {
  readonly plan: SubscriptionPlan
  /** All that was ever started, the latest last. */
  readonly programs: Program[]
  /** All leases that the storage has granted. */
  readonly leases = new Set<string>()
  /** How many times its partitions, its version, its owner or its position have changed. */
  changes = 0
  /** The events in the order in which they were first handled. */
  readonly order: RecordedEvent[] = []
  readonly #model: LedgerModel
  /** How often each event was handled since an operator has last let it be handled again. By id. */
  readonly #handled = new Map<string, number>()
  /** The events that were ever handled. */
  readonly #everHandled = new Set<string>()
  /** The events that an operator has passed over. */
  readonly #passedOver = new Set<string>()
  /** The events whose turn says nothing any more: an operator has passed over them, or removed them from the parked ones. */
  readonly #excused = new Set<string>()
  readonly #failuresLeft = new Map<string, number>()

  constructor(model: LedgerModel, plan: SubscriptionPlan) {
    this.#model = model
    this.plan = plan
    this.programs = [{ name: plan.base, version: 1, partitions: plan.partitions }]
  }

  /** The latest program. */
  get program(): Program {
    return this.programs.at(-1) as Program
  }

  get #names(): ReadonlySet<string> {
    return new Set(this.programs.map(({ name }) => name))
  }

  /** The events that the subscription selects. */
  get wanted(): readonly RecordedEvent[] {
    return this.#model.log.filter(({ type }) => this.plan.types?.includes(type) !== false)
  }

  get missing(): readonly RecordedEvent[] {
    return this.wanted.filter(({ id }) => !this.isHandled(id) && !this.#passedOver.has(id))
  }

  get counts(): readonly number[] {
    return [...this.#handled.values()]
  }

  /** A server may have lost it. Handlers get copies of the events. */
  #isInLog({ id }: RecordedEvent): boolean {
    return this.#model.log.some((event) => event.id === id)
  }

  isHandled(id: string): boolean {
    return (this.#handled.get(id) ?? 0) > 0
  }

  setFailures({ id }: RecordedEvent, failures: number): void {
    this.#failuresLeft.set(id, failures)
  }

  fails({ id }: RecordedEvent): boolean {
    const left = this.#failuresLeft.get(id) ?? 0
    this.#failuresLeft.set(id, left - 1)
    return left > 0
  }

  heal(): void {
    this.#failuresLeft.clear()
  }

  /** Counts an event as handled; a transactional subscription must handle each event only once. */
  noteHandled(event: RecordedEvent): void {
    const { id, position } = event
    const count = (this.#handled.get(id) ?? 0) + 1
    this.#handled.set(id, count)
    if (!this.#everHandled.has(id)) this.order.push(event)
    this.#everHandled.add(id)
    if (this.plan.transactional && count > 1)
      this.#model.fail(`${this.plan.base}: event ${position} was handled twice`)
  }

  async parkedPositions(): Promise<ReadonlySet<number>> {
    const positions = new Set<number>()
    for (const name of this.#names) {
      for (const { position } of await this.#model.subscriptions.listParked(name, 0, 1_000)) {
        positions.add(position)
      }
    }
    return positions
  }

  /** Notes a change of the registration. `parkedBefore`: the positions of the parked events before it. */
  noteChange({ position, again }: SubscriptionChange, parkedBefore: ReadonlySet<number>): void {
    this.changes++
    if (position === undefined) return
    for (const { id, position: at } of this.wanted) {
      if (at <= position && !this.isHandled(id)) {
        this.#passedOver.add(id)
        this.#excused.add(id)
      }
    }
    if (again === true) this.noteBegunAgain(position, parkedBefore)
  }

  /** Notes that all events after a position are handled again, and that those among them are parked no longer. */
  noteBegunAgain(after: number, parkedBefore: ReadonlySet<number>): void {
    this.changes++
    for (const { id, position } of this.wanted) {
      if (position <= after) continue
      this.#handled.delete(id)
      this.#passedOver.delete(id)
      if (parkedBefore.has(position)) this.#excused.add(id)
    }
  }

  /** Checks that every event up to a new checkpoint is handled or parked, or passed over by an operator. */
  async checkCheckpoint({ partition, partitions }: Lease, position: number): Promise<void> {
    const parked = await this.parkedPositions()
    for (const { id, position: at, streamId } of this.wanted) {
      if (at > position || partitionOf(streamId, partitions) !== partition) continue
      if (this.isHandled(id) || parked.has(at) || this.#passedOver.has(id)) continue
      this.#model.fail(`${this.plan.base}: the checkpoint is at ${position}, but event ${at} is not handled`)
    }
  }

  /**
   * Checks that the events are handled or parked that come before an event that is started: those of its partition, or
   * those of its stream once the partitions have changed.
   */
  async checkTurn(event: RecordedEvent): Promise<void> {
    const parked = await this.parkedPositions()
    // A server that has lost the event takes no checkpoint of this worker.
    if (parked.has(event.position) || !this.#isInLog(event)) return
    const { base, action, partitions } = this.plan
    const turnOf = ({ streamId }: RecordedEvent) =>
      this.changes === 0 ? partitionOf(streamId, partitions) : streamId
    for (const earlier of this.wanted) {
      if (earlier.position >= event.position || turnOf(earlier) !== turnOf(event)) continue
      if (this.#everHandled.has(earlier.id) || this.#excused.has(earlier.id)) continue
      const mayPass = action === 'park' || earlier.streamId !== event.streamId
      if (parked.has(earlier.position) && mayPass) continue
      this.#model.fail(`${base}: event ${event.position} was started before ${earlier.position} was handled`)
    }
  }

  /** Checks the order in which the events were first handled. */
  checkOrder(): void {
    const { base, action, partitions } = this.plan
    if (action === 'park') return
    const last = new Map<string | number, number>()
    for (const event of this.order) {
      const { streamId, position, id } = event
      if (this.#excused.has(id) || !this.#isInLog(event)) continue
      const isByPartition = action === 'stop' && this.changes === 0
      const key = isByPartition ? partitionOf(streamId, partitions) : streamId
      assert.ok(position > (last.get(key) ?? 0), `${base}: event ${position} was handled after a later one`)
      last.set(key, position)
    }
  }
}
