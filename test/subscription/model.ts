/**
 * A model of subscriptions in several processes. fast-check's scheduler releases every step, in any order: requests to
 * the storage, their answers, timers, and handlers. A test can kill or pause a process. A call can fail before or after
 * it took effect. The model checks its invariants at every step.
 */
import { strict as assert } from 'node:assert'
import type { Scheduler } from 'fast-check'
import { engineEnvironment } from '../../src/engine/environment.ts'
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
import type { CheckpointMove, Lease, MoveOutcome } from '../../src/storage/subscriptions.ts'

export const subscription = 'model'

export interface ModelOptions {
  readonly partitions: number
  readonly transactional: boolean
  readonly largestPage: number
  readonly action: 'stop' | 'park' | 'block-stream'
  /** A longer sleep never ends, in milliseconds. */
  readonly longestSleep: number
  /** How many attempts of the nth event fail. */
  readonly failures: readonly number[]
  /** The fault of each storage call, in order: none, or an error before or after the effect. All later calls succeed. */
  readonly faults: readonly ('none' | 'before' | 'after')[]
}

const never = new Promise<never>(() => {})

/** The state that the processes share: the log, the checkpoints, the time, and which events were handled. */
export class Model {
  readonly options: ModelOptions
  readonly log: RecordedEvent[] = []
  readonly subscriptions = new MemorySubscriptions(() => this.#time)
  /** How often each event was handled. A transactional handler counts when its transaction commits. */
  readonly handled = new Map<number, number>()
  /** The handled events, in the order in which they were first handled. */
  readonly order: RecordedEvent[] = []
  /** All leases that the storage has granted. */
  readonly leases = new Set<string>()
  /** How many faults and kills there were. */
  disruptions = 0
  /** While true, no call fails, and no timer fires before all running steps have ended. */
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
    // With gaps, like the positions of a database.
    const position = number * 2 + 1
    const event = { id: `id-${position}`, type, streamId, position, version: 1, data: {} }
    this.log.push({ ...event, metadata: {}, tags: [], recordedAt: new Date(position) })
    this.#failuresLeft.set(position, this.options.failures[number] ?? 0)
  }

  /** The events that the subscription's filter selects. */
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

  isHandled(position: number): boolean {
    return (this.handled.get(position) ?? 0) > 0
  }

  /** Counts an event as handled; a transactional subscription must handle each event only once. */
  noteHandled(event: RecordedEvent): void {
    const count = (this.handled.get(event.position) ?? 0) + 1
    this.handled.set(event.position, count)
    if (count === 1) this.order.push(event)
    assert.ok(!this.options.transactional || count === 1, `event ${event.position} was handled twice`)
  }

  async parkedPositions(): Promise<ReadonlySet<number>> {
    const parked = await this.subscriptions.listParked(subscription, 0, 1_000)
    return new Set(parked.map(({ position }) => position))
  }

  /** Checks that every event up to a new checkpoint is handled or parked. */
  async checkCheckpoint({ partition }: Lease, position: number): Promise<void> {
    const parked = await this.parkedPositions()
    for (const event of this.#eventsOf(partition)) {
      if (event.position > position || this.isHandled(event.position) || parked.has(event.position)) continue
      assert.fail(`the checkpoint is at ${position}, but event ${event.position} is not handled`)
    }
  }

  /** Checks that all earlier events of the partition are handled or parked before an event is started. */
  async checkTurn(event: RecordedEvent): Promise<void> {
    const parked = await this.parkedPositions()
    if (parked.has(event.position)) return
    for (const earlier of this.#eventsOf(this.#partitionOf(event))) {
      if (earlier.position >= event.position || this.isHandled(earlier.position)) continue
      const mayPass =
        parked.has(earlier.position) &&
        (this.options.action === 'park' || earlier.streamId !== event.streamId)
      if (mayPass) continue
      assert.fail(`event ${event.position} was started before ${earlier.position} was handled`)
    }
  }

  #partitionOf({ streamId }: RecordedEvent): number {
    return partitionOf(streamId, this.options.partitions)
  }

  #eventsOf(partition: number): readonly RecordedEvent[] {
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
    // A storage may return fewer events than the limit, because they are large.
    const pageSize = Math.min(limit, this.options.largestPage)
    const events = found.slice(0, pageSize)
    const full = events.length === pageSize
    const last = events.at(-1)?.position ?? 0
    const through = full ? last : Math.max(after, Math.min(until, frontier))
    return { events, frontier, full, through, readAt: new Date(this.#time) }
  }
}

/** A process with one worker, and its connection to the storage. */
export class Process {
  readonly environment: EngineEnvironment
  readonly wakeup: Wakeup
  readonly #model: Model
  readonly #name: string
  isDead = false
  #pause: { readonly end: Promise<void>; readonly resume: () => void } | undefined

  constructor(model: Model, name: string) {
    this.#model = model
    this.#name = name
    const clock: Clock = {
      now: () => model.now(),
      sleep: (milliseconds, signal) => this.#whileAlive(model.sleep(milliseconds, signal)),
    }
    this.wakeup = new ModelWakeup(clock)
    this.environment = engineEnvironment({ storage: this.#storage(), wakeup: this.wakeup, clock })
  }

  /** Nothing that the process waits for ever happens. */
  kill(): void {
    this.isDead = true
    this.#model.disruptions++
  }

  /** Nothing happens in the process until `resume`. */
  pause(): void {
    if (this.#pause !== undefined) return
    let resume = () => {}
    const end = new Promise<void>((resolve) => {
      resume = resolve
    })
    this.#pause = { end, resume }
  }

  resume(): void {
    this.#pause?.resume()
    this.#pause = undefined
  }

  /** Settles like `work`, but not while the process is paused, and never once it is killed. */
  async #whileAlive<T>(work: Promise<T>): Promise<T> {
    const settled = await work.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    )
    while (this.#pause !== undefined) await this.#pause.end
    if (this.isDead) return never
    if ('error' in settled) throw settled.error
    return settled.value
  }

  step(label: string): Promise<void> {
    return this.#whileAlive(this.#model.step(`${this.#name}: ${label}`))
  }

  /** A call of the storage: the request, its effect, and the answer. It can fail before or after the effect. */
  #call<T>(what: string, effect: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    const call = async () => {
      await this.step(`${what}, sent`)
      const fault = this.#model.nextFault()
      if (fault === 'before') throw new StoreUnavailableError(what, 1, 'no answer')
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

  /** A call that only reads: it takes its result at once, and the answer arrives at a later step. */
  #read<T>(what: string, look: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    const call = async () => {
      const found = await look()
      await this.step(what)
      if (this.#model.nextFault() !== 'none') throw new StoreUnavailableError(what, 1, 'no answer')
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
      readSubscription: (name, signal) =>
        this.#read('readSubscription', () => subscriptions.readSubscription(name), signal),
      createSubscription: (name, definition, position, signal) =>
        this.#call(
          'createSubscription',
          () => subscriptions.createSubscription(name, definition, position),
          signal,
        ),
      keepLeases: (beats, signal) =>
        this.#call(
          'keepLeases',
          async () => {
            const answers = await subscriptions.keepLeases(beats)
            for (const kept of answers) {
              const leases = kept.kind === 'kept' ? kept.leases : []
              for (const { partition, token } of leases) model.leases.add(`${partition}:${token}`)
            }
            return answers
          },
          signal,
        ),
      releaseLeases: (leases) => this.#call('releaseLeases', () => subscriptions.releaseLeases(leases)),
      leave: (place, worker) => this.#call('leave', () => subscriptions.leave(place, worker)),
      advance: (moves, signal) => this.#call('advance', () => this.#advance(moves), signal),
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
      listParked: (name, after, limit, signal) =>
        this.#read('listParked', () => subscriptions.listParked(name, after, limit), signal),
      checkpoints: (name, signal) => this.#read('checkpoints', () => subscriptions.checkpoints(name), signal),
    }
    return storage as Storage
  }

  async #advance(moves: readonly CheckpointMove[]): Promise<readonly MoveOutcome[]> {
    const outcomes = await this.#model.subscriptions.advance(moves)
    for (const [index, { lease, position }] of moves.entries()) {
      if (outcomes[index] === 'moved') await this.#model.checkCheckpoint(lease, position)
    }
    return outcomes
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
            for (const event of written) model.noteHandled(event)
            return model.checkCheckpoint(lease, position)
          })
        }),
      unpark: (lease, position) =>
        statement('unpark', () => {
          subscriptions.check(lease)
          endings.push(() => {
            subscriptions.unparkNow(lease, position)
            for (const event of written) model.noteHandled(event)
          })
        }),
    }
    let result: T
    try {
      result = await abortable(work(transaction as StorageTransaction), signal)
    } catch (error) {
      // Like a storage: when a statement lost the connection, the transaction fails with that error, whatever the work
      // throws because of it.
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
