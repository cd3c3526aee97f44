/**
 * One worker of a subscription: it holds leases of partitions, handles them, and gives up what is not its own any more.
 *
 *     starting ──▶ leasing ⇄ catching-up ⇄ live     (see partition-run.ts, also for retrying and parking)
 *         │           │            │          │
 *         └───────────┴──────┬─────┴──────────┘
 *                            ▼
 *                 stopping ──▶ stopped      or, when it cannot go on:  failed
 *
 * The lease is what keeps two workers apart, and the storage's clock is the only one that counts. A worker that was
 * not heard for as long as its lease gives up by itself; one that does not notice is refused by its token.
 */
import { randomUUID } from 'node:crypto'
import { hasCode, InvalidInputError, SubscriptionFailedError } from '../errors.ts'
import type { SubscriptionEnvironment } from './environment.ts'
import { PartitionRun, type PartitionState } from './partition-run.ts'
import type { Plan } from './plan.ts'
import { startPosition } from './start-position.ts'
import type { KeptLeases, Lease } from './storage.ts'
import type { SubscriptionState } from './subscription.ts'

const longestWait = 1_000

interface Running {
  readonly run: PartitionRun
  readonly ended: Promise<void>
  state: PartitionState
}

export class Worker {
  readonly name: string = randomUUID()
  handled = 0
  parked = 0
  lastError: unknown
  /** Rejects with what the subscription failed with, resolves when it is stopped. */
  readonly done: Promise<void>
  /** Resolves once it is known what can be leased, and what was set aside there has been looked at. */
  readonly settled: Promise<void>
  readonly #environment: SubscriptionEnvironment
  readonly #plan: Plan
  readonly #running = new Map<number, Running>()
  /** Of each partition the token of the last lease that was given back. */
  readonly #givenBack = new Map<number, number>()
  readonly #stop = new AbortController()
  readonly #onEnd: () => void
  #state: SubscriptionState = 'starting'
  /** When the storage last heard of this worker for sure. */
  #heardAt = Number.NEGATIVE_INFINITY
  #isFailed = false
  #settle = () => {}
  #toSettle: Set<number> | undefined
  #wake = () => {}

  constructor(environment: SubscriptionEnvironment, plan: Plan, onEnd: () => void = () => {}) {
    this.#onEnd = onEnd
    this.#environment = environment
    this.#plan = plan
    this.settled = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.done = this.#work()
  }

  get state(): SubscriptionState {
    return this.#state
  }

  /** Gives up on a handler that has not finished after so many milliseconds. */
  async stop(timeout: number): Promise<void> {
    this.#setState('stopping')
    this.#stop.abort()
    this.#wake()
    for (const { run } of this.#running.values()) run.stop()
    const patience = new AbortController()
    const { clock } = this.#environment
    const late = clock.sleep(timeout, patience.signal).then(
      () => {
        for (const { run } of this.#running.values()) run.abandon()
      },
      () => {},
    )
    await this.done.catch(() => {})
    patience.abort()
    await late
  }

  async #work(): Promise<void> {
    try {
      await this.#lead()
      await this.#leave()
      this.#setState('stopped')
    } catch (error) {
      this.#stop.abort()
      for (const { run } of this.#running.values()) run.stop()
      await this.#leave()
      const failure =
        error instanceof SubscriptionFailedError
          ? error
          : new SubscriptionFailedError(this.#plan.name, undefined, error)
      this.lastError = failure
      this.#setState('failed', failure)
      throw failure
    } finally {
      this.#settle()
      this.#onEnd()
    }
  }

  async #lead(): Promise<void> {
    const { clock } = this.#environment
    const { leaseTime } = this.#plan
    await this.#patiently(() => this.#create())
    this.#setState('leasing')
    const guard = this.#guard()
    try {
      while (!this.#stop.signal.aborted && !this.#isFailed) {
        const sentAt = clock.now()
        const kept = await this.#keepLeases()
        if (this.#stop.signal.aborted) break
        if (kept !== undefined) {
          this.#heardAt = sentAt
          this.#reconcile(kept)
        }
        await this.#rest(Math.min(leaseTime / 3, longestWait))
      }
    } finally {
      for (const { run } of this.#running.values()) run.stop()
      await Promise.all([...this.#running.values()].map(({ ended }) => ended))
      this.#stop.abort()
      await guard
    }
    if (this.#isFailed) throw this.lastError
  }

  async #create(): Promise<void> {
    const { storage } = this.#environment
    const { name, from, partitions, handler } = this.#plan
    await handler.prepare()
    const position = await startPosition(storage, name, from)
    const stored = await storage.createSubscription(name, partitions, position)
    if (stored !== partitions) {
      throw new InvalidInputError(
        'partitions',
        `must be ${stored}, as the subscription has been made`,
        String(partitions),
      )
    }
  }

  /** Does something until the storage can be reached. */
  async #patiently(work: () => Promise<void>): Promise<void> {
    for (let attempt = 0; !this.#stop.signal.aborted; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (!hasCode(error, 'store-unavailable')) throw error
        this.#trouble(error)
        await this.#rest(Math.min(5_000, 50 * 2 ** Math.min(attempt, 10)))
      }
    }
  }

  async #keepLeases(): Promise<KeptLeases | undefined> {
    try {
      return await this.#environment.storage.keepLeases(
        this.#plan.name,
        this.name,
        this.#plan.leaseTime,
        this.#stop.signal,
      )
    } catch (error) {
      if (this.#stop.signal.aborted) return undefined
      if (!hasCode(error, 'store-unavailable')) throw error
      this.#trouble(error)
      return undefined
    }
  }

  /** Gives up what may be another's by now, also while nothing is heard of the storage. */
  async #guard(): Promise<void> {
    const { clock } = this.#environment
    const { leaseTime } = this.#plan
    while (!this.#stop.signal.aborted) {
      await clock.sleep(leaseTime / 4, this.#stop.signal).catch(() => {})
      if (clock.now() - this.#heardAt < leaseTime) continue
      for (const { run } of this.#running.values()) run.abandon()
    }
  }

  #reconcile({ leases, share }: KeptLeases): void {
    this.#toSettle ??= new Set(leases.map(({ partition }) => partition))
    if (this.#toSettle.size === 0) this.#settle()
    for (const [partition, { run }] of this.#running) {
      const lease = leases.find((one) => one.partition === partition)
      if (lease?.token !== run.lease.token) run.abandon()
    }
    for (const lease of leases) {
      if (this.#running.has(lease.partition)) continue
      // What was asked for before it was given back may be answered afterwards.
      const isGivenBack = (this.#givenBack.get(lease.partition) ?? 0) >= lease.token
      if (!isGivenBack && this.#running.size < Math.max(1, share)) this.#run(lease)
      else void this.#release(lease)
    }
    // Another worker has come: it takes what is given back here.
    for (const { run } of [...this.#running.values()].slice(Math.max(1, share))) run.stop()
    this.#updateState()
  }

  #run(lease: Lease): void {
    const { partition } = lease
    const run = new PartitionRun(this.#environment, this.#plan, lease, {
      state: (state, error) => {
        if (error !== undefined) this.lastError = error
        running.state = state
        this.#updateState(error)
      },
      handled: (count) => {
        this.handled += count
      },
      parked: (count) => {
        this.parked += count
      },
      settled: () => this.#settledOne(partition),
    })
    const running: Running = { run, state: 'catching-up', ended: Promise.resolve() }
    this.#running.set(partition, running)
    Object.assign(running, { ended: this.#follow(run) })
  }

  #settledOne(partition: number): void {
    this.#toSettle?.delete(partition)
    if (this.#toSettle?.size === 0) this.#settle()
  }

  /** Never rejects. */
  async #follow(run: PartitionRun): Promise<void> {
    try {
      if ((await run.run()) === 'stopped') await this.#release(run.lease)
    } catch (error) {
      this.#isFailed = true
      this.lastError = error
      await this.#release(run.lease)
    }
    this.#running.delete(run.lease.partition)
    this.#settledOne(run.lease.partition)
    this.#updateState()
    this.#wake()
  }

  /** Never rejects: a lease that is not given back ends by itself. */
  async #release(lease: Lease): Promise<void> {
    this.#givenBack.set(lease.partition, lease.token)
    await this.#environment.storage
      .releaseLeases([lease], this.name)
      .catch((error: unknown) => this.#trouble(error))
  }

  async #leave(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ ended }) => ended))
    await this.#environment.storage
      .leave(this.#plan.name, this.name)
      .catch((error: unknown) => this.#trouble(error))
  }

  /** Sleeps, unless something happens that calls for a look at the leases. */
  async #rest(milliseconds: number): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await this.#environment.clock
      .sleep(milliseconds, AbortSignal.any([woken.signal, this.#stop.signal]))
      .catch(() => {})
    this.#wake = () => {}
  }

  #trouble(error: unknown): void {
    this.lastError = error
    this.#setState('retrying', error)
  }

  #updateState(error?: unknown): void {
    if (this.#stop.signal.aborted || this.#isFailed) return
    const states = [...this.#running.values()].map(({ state }) => state)
    const worst = (['retrying', 'parking', 'catching-up', 'live'] as const).find((state) =>
      states.includes(state),
    )
    this.#setState(worst ?? 'leasing', error)
  }

  #setState(state: SubscriptionState, error?: unknown): void {
    if (state === this.#state || this.#state === 'failed' || this.#state === 'stopped') return
    this.#state = state
    this.#plan.onStateChange?.(state, error)
  }
}
