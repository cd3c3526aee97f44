/**
 * Workers of subscriptions whose every step is released by fast-check's scheduler, in any order: calls of the storage
 * (as they are sent, and as they are answered), timers, and handlers. A worker can be killed, or held up while the
 * world goes on; calls can fail, before or after they had their effect. Whatever happens is checked as it happens.
 */
import { strict as assert } from 'node:assert'
import type { Scheduler } from 'fast-check'
import { StoreUnavailableError } from '../../src/errors/index.ts'
import type { RecordedEvent } from '../../src/event.ts'
import { MemorySubscriptions } from '../../src/memory/subscriptions.ts'
import { abortable } from '../../src/runtime/abort.ts'
import type { Clock } from '../../src/runtime/clock.ts'
import type { EngineEnvironment } from '../../src/runtime/environment.ts'
import { Wakeup } from '../../src/runtime/wakeup.ts'
import type { LogPage, LogQuery } from '../../src/storage/log-query.ts'
import { isInPartition, partitionOf } from '../../src/storage/partition.ts'
import type { StorageTransaction } from '../../src/storage/projections.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { Lease } from '../../src/storage/subscriptions.ts'

export const subscription = 'model'

export interface ModelOptions {
  readonly partitions: number
  readonly transactional: boolean
  readonly largestPage: number
  readonly action: 'stop' | 'park' | 'block-stream'
  /** Timers that are set to more never go off. */
  readonly longestSleep: number
  /** How often the handling of the nth event fails. */
  readonly failures: readonly number[]
  /** What becomes of one call after the other; after the last one, all of them succeed. */
  readonly faults: readonly ('none' | 'before' | 'after')[]
}

const never = new Promise<never>(() => {})

/** What the processes share: the log, the checkpoints, time, and what is known of the handling. */
export class Model {
  readonly options: ModelOptions
  readonly log: RecordedEvent[] = []
  readonly subscriptions = new MemorySubscriptions(() => this.#time)
  /** How often each event was handled with success; of a transactional handler: with its writes committed. */
  readonly handled = new Map<number, number>()
  /** In the order in which they were handled for the first time. */
  readonly order: RecordedEvent[] = []
  /** All leases that were given. */
  readonly leases = new Set<string>()
  /** Faults and deaths. */
  disruptions = 0
  /** From when on no call fails, and time waits for whoever is at work. */
  isCalm = false
  #pending = 0
  readonly #scheduler: Scheduler
  readonly #faults: Iterator<'none' | 'before' | 'after'>
  readonly #failuresLeft = new Map<number, number>()
  readonly #timers: { readonly due: number; readonly fire: () => void }[] = []
  #cancelled = 0
  #time = 0

  constructor(scheduler: Scheduler, options: ModelOptions) {
    this.#scheduler = scheduler
    this.options = options
    this.#faults = options.faults[Symbol.iterator]()
  }

  append(streamId: string, type: string): void {
    const number = this.log.length
    // With gaps, as a database has them.
    const position = number * 2 + 1
    const event = { id: `id-${position}`, type, streamId, position, version: 1, data: {} }
    this.log.push({ ...event, metadata: {}, tags: [], recordedAt: new Date(position) })
    this.#failuresLeft.set(position, this.options.failures[number] ?? 0)
  }

  /** The events that the subscription is about. */
  get wanted(): readonly RecordedEvent[] {
    return this.log.filter(({ type }) => type === 'wanted')
  }

  fails(position: number): boolean {
    const left = this.#failuresLeft.get(position) ?? 0
    this.#failuresLeft.set(position, left - 1)
    return left > 0
  }

  heal(): void {
    this.#failuresLeft.clear()
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

  /** Lets the next timer go off some time. */
  async #letTimePass(): Promise<void> {
    do await this.#scheduler.schedule(Promise.resolve(), 'timer')
    while (this.isCalm && this.#pending > 0)
    this.#tick()
  }

  now(): number {
    return this.#time
  }

  /** Timers go off in their order, at any time from when they are due. */
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
    void this.#letTimePass()
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

  isDone(position: number): boolean {
    return (this.handled.get(position) ?? 0) > 0
  }

  /** Notes that an event was handled. */
  done(event: RecordedEvent): void {
    const count = (this.handled.get(event.position) ?? 0) + 1
    this.handled.set(event.position, count)
    if (count === 1) this.order.push(event)
    assert.ok(!this.options.transactional || count === 1, `event ${event.position} was handled twice`)
  }

  async parkedPositions(): Promise<ReadonlySet<number>> {
    const parked = await this.subscriptions.listParked(subscription, 0, 1_000)
    return new Set(parked.map(({ position }) => position))
  }

  /** The checkpoint must not say more than was handled. */
  async checkCheckpoint({ partition }: Lease, position: number): Promise<void> {
    const parked = await this.parkedPositions()
    for (const event of this.#of(partition)) {
      if (event.position > position || this.isDone(event.position) || parked.has(event.position)) continue
      assert.fail(`the checkpoint is at ${position}, but event ${event.position} is not handled`)
    }
  }

  /** An event must not be begun with before all that come before it are handled, or set aside. */
  async checkTurn(event: RecordedEvent): Promise<void> {
    const parked = await this.parkedPositions()
    if (parked.has(event.position)) return
    for (const earlier of this.#of(this.#partitionOf(event))) {
      if (earlier.position >= event.position || this.isDone(earlier.position)) continue
      const isSetAside =
        parked.has(earlier.position) &&
        (this.options.action === 'park' || earlier.streamId !== event.streamId)
      if (isSetAside) continue
      assert.fail(`event ${event.position} was begun with before ${earlier.position} was handled`)
    }
  }

  #partitionOf({ streamId }: RecordedEvent): number {
    return partitionOf(streamId, this.options.partitions)
  }

  #of(partition: number): readonly RecordedEvent[] {
    return this.wanted.filter((event) => this.#partitionOf(event) === partition)
  }

  readLogPage({ after, until, types, partition, direction, limit }: LogQuery): LogPage {
    const frontier = this.log.at(-1)?.position ?? 0
    const found = this.log.filter(
      ({ position, type, streamId }) =>
        position > after &&
        position <= until &&
        types?.includes(type) !== false &&
        (partition === undefined || isInPartition(streamId, partition)),
    )
    if (direction === 'backward') found.reverse()
    // As a page that ends because it is large.
    const most = Math.min(limit, this.options.largestPage)
    const events = found.slice(0, most)
    const full = events.length === most
    const last = events.at(-1)?.position ?? 0
    return { events, frontier, full, through: full ? last : Math.max(after, Math.min(until, frontier)) }
  }
}

/** A process with one worker in it, and its connection to the storage. */
export class Process {
  readonly environment: EngineEnvironment
  readonly wakeup: Wakeup
  readonly #model: Model
  readonly #name: string
  isDead = false
  #held: { readonly until: Promise<void>; readonly release: () => void } | undefined

  constructor(model: Model, name: string) {
    this.#model = model
    this.#name = name
    const clock: Clock = {
      now: () => model.now(),
      sleep: (milliseconds, signal) => this.#alive(model.sleep(milliseconds, signal)),
    }
    this.wakeup = new ModelWakeup(clock)
    this.environment = { storage: this.#storage(), wakeup: this.wakeup, clock }
  }

  /** Nothing it waits for will ever come. */
  kill(): void {
    this.isDead = true
    this.#model.disruptions++
  }

  /** Nothing happens in it for a while. */
  hold(): void {
    if (this.#held !== undefined) return
    let release = () => {}
    const until = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#held = { until, release }
  }

  goOn(): void {
    this.#held?.release()
    this.#held = undefined
  }

  async #alive<T>(work: Promise<T>): Promise<T> {
    const settled = await work.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    )
    while (this.#held !== undefined) await this.#held.until
    if (this.isDead) return never
    if ('error' in settled) throw settled.error
    return settled.value
  }

  step(label: string): Promise<void> {
    return this.#alive(this.#model.step(`${this.#name}: ${label}`))
  }

  /** A call of the storage: it is sent, has its effect, and is answered, or fails on the way. */
  #call<T>(what: string, effect: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    const call = async () => {
      await this.step(`${what}, sent`)
      const fault = this.#model.nextFault()
      if (fault === 'before') throw new StoreUnavailableError(what, 1, 'nobody answers')
      const outcome = await Promise.resolve()
        .then(effect)
        .then(
          (value) => ({ value }),
          (error: unknown) => ({ error }),
        )
      await this.step(`${what}, answered`)
      if (fault === 'after') throw new StoreUnavailableError(what, 1, 'the answer is lost')
      if ('error' in outcome) throw outcome.error
      return outcome.value
    }
    return abortable(call(), signal)
  }

  /** A call that changes nothing may as well be answered from an earlier moment. */
  #read<T>(what: string, look: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    const call = async () => {
      const found = await look()
      await this.step(what)
      if (this.#model.nextFault() !== 'none') throw new StoreUnavailableError(what, 1, 'nobody answers')
      return found
    }
    return abortable(call(), signal)
  }

  #storage(): Storage {
    const model = this.#model
    const { subscriptions } = model
    const storage: Partial<Storage> = {
      readLogPage: (query, signal) => this.#read('readLogPage', () => model.readLogPage(query), signal),
      lastPosition: (signal) => this.#read('lastPosition', () => model.log.at(-1)?.position ?? 0, signal),
      transaction: (what, work, signal) => this.#transaction(what, work, signal),
      createSubscription: (name, partitions, position, signal) =>
        this.#call(
          'createSubscription',
          () => subscriptions.createSubscription(name, partitions, position),
          signal,
        ),
      keepLeases: (name, worker, milliseconds, signal) =>
        this.#call(
          'keepLeases',
          async () => {
            const kept = await subscriptions.keepLeases(name, worker, milliseconds)
            for (const { partition, token } of kept.leases) model.leases.add(`${partition}:${token}`)
            return kept
          },
          signal,
        ),
      releaseLeases: (leases) => this.#call('releaseLeases', () => subscriptions.releaseLeases(leases)),
      leave: (name, worker) => this.#call('leave', () => subscriptions.leave(name, worker)),
      advance: (lease, position, signal) =>
        this.#call('advance', () => this.#advance(lease, position), signal),
      park: (lease, events, position, signal) =>
        this.#call(
          'park',
          async () => {
            await subscriptions.park(lease, events, position)
            await model.checkCheckpoint(lease, position)
          },
          signal,
        ),
      parkedToHandle: (lease, limit, signal) =>
        this.#read('parkedToHandle', () => subscriptions.parkedToHandle(lease, limit), signal),
      parkAgain: (lease, event, signal) =>
        this.#call('parkAgain', () => subscriptions.parkAgain(lease, event), signal),
      parkedStreams: (lease, signal) =>
        this.#read('parkedStreams', () => subscriptions.parkedStreams(lease), signal),
      checkpoints: (name, signal) => this.#read('checkpoints', () => subscriptions.checkpoints(name), signal),
    }
    return storage as Storage
  }

  async #advance(lease: Lease, position: number): Promise<void> {
    this.#model.subscriptions.advanceNow(lease, position)
    await this.#model.checkCheckpoint(lease, position)
  }

  async #transaction<T>(
    what: string,
    work: (transaction: StorageTransaction) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const model = this.#model
    const { subscriptions } = model
    const endings: (() => Promise<void> | void)[] = []
    const written: RecordedEvent[] = []
    let lost: StoreUnavailableError | undefined
    const statement = async (name: string, effect: () => void) => {
      try {
        await this.#call(`${what}, ${name}`, effect, signal)
      } catch (error) {
        if (error instanceof StoreUnavailableError) lost ??= error
        throw error
      }
    }
    const transaction: Pick<StorageTransaction, 'advance' | 'unpark'> & { readonly user: unknown } = {
      user: { write: (event: RecordedEvent) => statement('write', () => void written.push(event)) },
      advance: (lease, position) =>
        statement('advance', () => {
          subscriptions.check(lease)
          endings.push(() => {
            subscriptions.advanceNow(lease, position)
            for (const event of written) model.done(event)
            return model.checkCheckpoint(lease, position)
          })
        }),
      unpark: (lease, position) =>
        statement('unpark', () => {
          subscriptions.check(lease)
          endings.push(() => {
            subscriptions.unparkNow(lease, position)
            for (const event of written) model.done(event)
          })
        }),
    }
    let result: T
    try {
      result = await abortable(work(transaction as StorageTransaction), signal)
    } catch (error) {
      // As a storage does: what failed it is not what the work makes of that.
      throw lost === undefined ? error : new StoreUnavailableError(what, 1, lost)
    }
    if (lost !== undefined) throw new StoreUnavailableError(what, 1, lost)
    await this.#call(
      `${what}, commit`,
      async () => {
        for (const end of endings) await end()
      },
      signal,
    )
    return result
  }
}

class ModelWakeup extends Wakeup {
  readonly #clock: Clock
  readonly #sleepersHere = new Set<() => void>()

  constructor(clock: Clock) {
    super()
    this.#clock = clock
  }

  override wake(): void {
    super.wake()
    for (const wake of this.#sleepersHere) wake()
  }

  override async wait(milliseconds: number, since: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.count !== since) return
    const woken = new AbortController()
    const wake = () => woken.abort()
    this.#sleepersHere.add(wake)
    const either = signal === undefined ? woken.signal : AbortSignal.any([woken.signal, signal])
    await this.#clock.sleep(milliseconds, either).catch(() => {})
    this.#sleepersHere.delete(wake)
    signal?.throwIfAborted()
  }
}
