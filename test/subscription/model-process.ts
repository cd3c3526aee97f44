/** A process of the model: what it runs, and how its calls reach the storage. */
import { engineEnvironment } from '../../src/engine/environment.ts'
import { StoreUnavailableError } from '../../src/errors/index.ts'
import type { RecordedEvent } from '../../src/event.ts'
import { abortable } from '../../src/runtime/abort.ts'
import type { Clock } from '../../src/runtime/clock.ts'
import type { EngineEnvironment } from '../../src/runtime/environment.ts'
import { Wakeup } from '../../src/runtime/wakeup.ts'
import type { StorageTransaction } from '../../src/storage/projections.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { CheckpointMove, KeptLeases, MoveOutcome, WorkerBeat } from '../../src/storage/subscriptions.ts'
import { type Model, never } from './model.ts'

/** A process with its subscriptions, and its connection to the storage. */
export class Process {
  readonly environment: EngineEnvironment
  readonly wakeup: Wakeup
  readonly #model: Model
  readonly #name: string
  isDead = false
  /** Whether to pause the process between the next heartbeat and its answer. */
  pausesInBeat = false
  /** The subscriptions whose handlers wait. */
  readonly #held = new Map<string, { readonly end: Promise<void>; readonly release: () => void }>()
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

  /** Lets the handlers of a subscription wait, until `releaseHandlers`. */
  holdHandlers(base: string): void {
    if (this.#held.has(base)) return
    let release = () => {}
    const end = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#held.set(base, { end, release })
  }

  releaseHandlers(): void {
    for (const { release } of this.#held.values()) release()
    this.#held.clear()
  }

  isHeld(base: string): boolean {
    return this.#held.has(base)
  }

  /** A handler is at work: a step, and longer while its subscription is held. */
  async handle(base: string, position: number): Promise<void> {
    await this.#held.get(base)?.end
    await this.step(`${base} handles ${position}`)
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
      lastPosition: (signal) => this.#read('lastPosition', () => model.end, signal),
      transaction: (what, work, signal) => this.#transaction(what, work, signal),
      registeredProjection: async () => undefined,
      readSubscription: (name, signal) =>
        this.#read('readSubscription', () => subscriptions.readSubscription(name), signal),
      createSubscription: (name, definition, position, signal) =>
        this.#call(
          'createSubscription',
          () => subscriptions.createSubscription(name, definition, position),
          signal,
        ),
      changeSubscription: (current, change, signal) =>
        this.#call(
          'changeSubscription',
          async () => {
            const ledger = model.ledgerOf(current.name)
            const parked = await ledger.parkedPositions()
            const isChanged = await subscriptions.changeSubscription(current, change)
            if (isChanged) ledger.noteChange(change, parked)
            if (isChanged) model.noteMoved(change.position ?? 0)
            return isChanged
          },
          signal,
        ),
      takeOverSubscription: (current, successor, definition, signal) =>
        this.#call(
          'takeOverSubscription',
          async () => {
            const isTaken = await subscriptions.takeOverSubscription(current, successor, definition)
            if (isTaken) model.ledgerOf(successor).changes++
            return isTaken
          },
          signal,
        ),
      pauseSubscription: (name, isPaused, signal) =>
        this.#call('pauseSubscription', () => subscriptions.pauseSubscription(name, isPaused), signal),
      removeSubscription: (current, signal) =>
        this.#call(
          'removeSubscription',
          async () => {
            const ledger = model.ledgerOf(current.name)
            const parked = await ledger.parkedPositions()
            const isRemoved = await subscriptions.removeSubscription(current)
            if (isRemoved && current.place !== undefined) ledger.noteBegunAgain(0, parked)
            return isRemoved
          },
          signal,
        ),
      keepLeases: (beats, signal) => this.#call('keepLeases', () => this.#keepLeases(beats), signal),
      releaseLeases: (leases) =>
        this.#call('releaseLeases', () =>
          subscriptions.releaseLeases(leases.filter(({ server }) => server === model.server)),
        ),
      leave: (place, worker) => this.#call('leave', () => subscriptions.leave(place, worker)),
      advance: (moves, signal) => this.#call('advance', () => this.#advance(moves), signal),
      park: (lease, events, position, signal) =>
        this.#call(
          'park',
          async () => {
            model.check(lease)
            await subscriptions.park(lease, events, position)
            await model.noteAccepted(lease, position)
          },
          signal,
        ),
      parkedToHandle: (lease, limit, signal) =>
        this.#read('parkedToHandle', () => subscriptions.parkedToHandle(lease, limit), signal),
      parkAgain: (lease, event, signal) =>
        this.#call(
          'parkAgain',
          () => {
            model.check(lease)
            return subscriptions.parkAgain(lease, event)
          },
          signal,
        ),
      parkedStreams: (lease, signal) =>
        this.#read('parkedStreams', () => subscriptions.parkedStreams(lease), signal),
      listParked: (name, after, limit, signal) =>
        this.#read('listParked', () => subscriptions.listParked(name, after, limit), signal),
      checkpoints: (name, signal) => this.#read('checkpoints', () => subscriptions.checkpoints(name), signal),
    }
    return storage as Storage
  }

  async #keepLeases(beats: readonly WorkerBeat[]): Promise<readonly KeptLeases[]> {
    const { subscriptions, server, placeOfWorker } = this.#model
    const answers = await subscriptions.keepLeases(beats)
    for (const { worker, place } of beats) placeOfWorker.set(worker, place)
    if (this.pausesInBeat) {
      this.pausesInBeat = false
      this.pause()
    }
    return answers.map((kept): KeptLeases => {
      if (kept.kind !== 'kept') return kept
      for (const { subscription, place, partition, partitions, token } of kept.leases) {
        const key = [place, partition, partitions, token, server].join(':')
        this.#model.ledgerOf(subscription).leases.add(key)
      }
      return server === undefined
        ? kept
        : { ...kept, leases: kept.leases.map((lease) => ({ ...lease, server })) }
    })
  }

  async #advance(moves: readonly CheckpointMove[]): Promise<readonly MoveOutcome[]> {
    const own = moves.filter(({ lease }) => lease.server === this.#model.server)
    const outcomes = await this.#model.subscriptions.advance(own)
    for (const [index, { lease, position }] of own.entries()) {
      if (outcomes[index] === 'moved') await this.#model.noteAccepted(lease, position)
    }
    return moves.map((move) => outcomes[own.indexOf(move)] ?? 'lost')
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
          model.check(lease)
          endings.push(() => {
            model.check(lease)
            subscriptions.advanceNow(lease, position)
            for (const event of written) model.ledgerOf(lease.subscription).noteHandled(event)
            return model.noteAccepted(lease, position)
          })
        }),
      unpark: (lease, position) =>
        statement('unpark', () => {
          model.check(lease)
          endings.push(() => {
            model.check(lease)
            subscriptions.unparkNow(lease, position)
            for (const event of written) model.ledgerOf(lease.subscription).noteHandled(event)
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

export class ModelWakeup extends Wakeup {
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
