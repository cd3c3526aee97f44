/**
 * A model of subscriptions in several processes. fast-check's scheduler releases every step, in any order: requests to
 * the storage, their answers, timers, and handlers. A test can kill or pause a process. A call can fail before or after
 * it took effect. The model checks its invariants at every step. See model-process.ts for the processes.
 */
import type { Scheduler } from 'fast-check'
import { LeaseLostError } from '../../src/errors/index.ts'
import type { RecordedEvent } from '../../src/event.ts'
import { MemorySubscriptions } from '../../src/memory/subscriptions.ts'
import { abortable } from '../../src/runtime/abort.ts'
import type { LogPage, LogQuery } from '../../src/storage/log-query.ts'
import { isInPartition } from '../../src/storage/partition.ts'
import type { Lease } from '../../src/storage/subscriptions.ts'
import { baseOf, Ledger, type SubscriptionPlan } from './ledger.ts'

export interface ModelOptions {
  readonly plans: readonly SubscriptionPlan[]
  readonly largestPage: number
  /** How many bytes an event takes: a few large ones fill the memory of a reader. */
  readonly bytesOfEvent: number
  /** Whether the storage says which server answers. */
  readonly hasServer: boolean
  /** A longer sleep never ends, in milliseconds. */
  readonly longestSleep: number
  /** How many attempts of the nth event fail. */
  readonly failures: readonly number[]
  /** The fault of each storage call, in order: none, or an error before or after the effect. All later calls succeed. */
  readonly faults: readonly ('none' | 'before' | 'after')[]
}

export const never = new Promise<never>(() => {})

/** The state that the processes share: the log, the checkpoints, the time, and which events were handled. */
export class Model {
  readonly options: ModelOptions
  readonly log: RecordedEvent[] = []
  readonly subscriptions = new MemorySubscriptions(() => this.#time)
  readonly ledgers: readonly Ledger[]
  /** The place that each worker has in its heartbeats. */
  readonly placeOfWorker = new Map<string, string>()
  /** How many faults and kills there were. */
  disruptions = 0
  /** While true, no call fails, and no timer fires before all running steps have ended. */
  isCalm = false
  /** The first invariant that did not hold. A retry of the failed call must not hide it. */
  violation: Error | undefined
  /** The highest position that a checkpoint has reached, or an event was parked at. */
  #furthest = 0
  #servers = 1
  #appended = 0
  #pending = 0
  readonly #scheduler: Scheduler
  readonly #faults: Iterator<'none' | 'before' | 'after'>
  readonly #timers: { readonly due: number; readonly fire: () => void }[] = []
  #cancelled = 0
  #time = 0

  constructor(scheduler: Scheduler, options: ModelOptions) {
    this.#scheduler = scheduler
    this.options = options
    this.#faults = options.faults[Symbol.iterator]()
    this.ledgers = options.plans.map((plan) => new Ledger(this, plan))
  }

  append(streamId: string, type: string): void {
    const number = this.#appended++
    // With gaps, like the positions of a database. Those of lost events come again.
    const position = this.log.length * 2 + 1
    const event = {
      id: `id-${number}`,
      type,
      streamId,
      position,
      version: 1,
      data: {},
      metadata: {},
      tags: [],
    }
    const recorded = { ...event, recordedAt: new Date(position) }
    this.log.push(recorded)
    for (const ledger of this.ledgers) ledger.setFailures(recorded, this.options.failures[number] ?? 0)
  }

  /** Reports that an invariant does not hold. */
  fail(message: string): never {
    const violation = new Error(message)
    this.violation ??= violation
    throw violation
  }

  get end(): number {
    return this.log.at(-1)?.position ?? 0
  }

  get server(): string | undefined {
    return this.options.hasServer ? `server ${this.#servers}` : undefined
  }

  /** Another server answers from now on. It may have lost the events that no stored checkpoint has reached. */
  changeServer(losesEvents: boolean): void {
    if (!this.options.hasServer) return
    this.#servers++
    this.disruptions++
    while (losesEvents && this.end > this.#furthest) this.log.pop()
  }

  ledgerOf(name: string): Ledger {
    return this.ledgers.find(({ plan }) => plan.base === baseOf(name)) as Ledger
  }

  /** @throws LeaseLostError */
  check(lease: Lease): void {
    if (lease.server !== this.server) throw new LeaseLostError(lease.subscription, lease.partition)
    this.subscriptions.check(lease)
  }

  /** Notes that the storage has accepted a position, and checks that the lease's events up to it are handled. */
  async noteAccepted(lease: Lease, position: number): Promise<void> {
    this.#furthest = Math.max(this.#furthest, position)
    await this.ledgerOf(lease.subscription).checkCheckpoint(lease, position)
  }

  noteMoved(position: number): void {
    this.#furthest = Math.max(this.#furthest, position)
  }

  nextFault(): 'none' | 'before' | 'after' {
    if (this.isCalm) return 'none'
    const fault = this.#faults.next().value ?? 'none'
    if (fault !== 'none') this.disruptions++
    return fault
  }

  async step(label: string): Promise<void> {
    this.#pending++
    await this.#scheduler.schedule(Promise.resolve(), label)
    this.#pending--
  }

  /** Fires the next timer at some later step. */
  async #scheduleTick(): Promise<void> {
    do await this.#scheduler.schedule(Promise.resolve(), 'timer')
    while (this.isCalm && this.#pending > 0)
    this.#tick()
  }

  now(): number {
    return this.#time
  }

  /** Timers fire in the order in which they are due, each at any step after that. */
  async sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    if (milliseconds > this.options.longestSleep) return abortable(never, signal)
    let timer: { readonly due: number; readonly fire: () => void } | undefined
    const fired = new Promise<void>((resolve) => {
      const due = this.#time + milliseconds
      const after = this.#timers.findIndex((other) => other.due > due)
      timer = { due, fire: resolve }
      this.#timers.splice(after < 0 ? this.#timers.length : after, 0, timer)
    })
    void this.#scheduleTick()
    try {
      await abortable(fired, signal)
    } finally {
      const at = timer === undefined ? -1 : this.#timers.indexOf(timer)
      if (at >= 0) {
        this.#timers.splice(at, 1)
        this.#cancelled++
      }
    }
  }

  #tick(): void {
    if (this.#cancelled > 0) {
      this.#cancelled--
      return
    }
    const timer = this.#timers.shift()
    if (timer === undefined) return
    this.#time = Math.max(this.#time, timer.due)
    timer.fire()
  }

  readLogPage({ after, until, types, partition, direction, limit }: LogQuery): LogPage {
    const frontier = this.end
    const found = this.log.filter(
      ({ position, type, streamId }) =>
        position > after &&
        position <= until &&
        types?.includes(type) !== false &&
        (partition === undefined || isInPartition(streamId, partition)),
    )
    if (direction === 'backward') found.reverse()
    // A storage may return fewer events than the limit, because they are large.
    const pageSize = Math.min(limit, this.options.largestPage)
    const events = found.slice(0, pageSize)
    const full = events.length === pageSize
    const last = events.at(-1)?.position ?? 0
    const through = full ? last : Math.max(after, Math.min(until, frontier))
    const { server } = this
    const bytes = events.length * this.options.bytesOfEvent
    const readAt = new Date(this.#time)
    return { events, frontier, full, through, readAt, bytes, ...(server !== undefined && { server }) }
  }
}
