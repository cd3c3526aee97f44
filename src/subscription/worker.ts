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
import { InvalidInputError, isOutage, SubscriptionFailedError } from '../errors/index.ts'
import { abortable } from '../runtime/abort.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import { Partitions } from './partitions.ts'
import type { Plan } from './plan.ts'
import type { Progress } from './progress.ts'
import { startPosition } from './start-position.ts'
import type { SubscriptionState } from './subscription.ts'

const longestWait = 1_000
const shortestPause = 50
const longestPause = 5_000
// How long the other partitions may take to finish when one has failed.
const patience = 30_000

export class Worker {
  readonly name: string = randomUUID()
  readonly progress: Progress = { handled: 0, parked: 0 }
  lastError: unknown
  /** Answers with what the subscription has failed with, or with nothing once it is stopped. */
  readonly ended: Promise<SubscriptionFailedError | undefined>
  /** Resolves once it is known what can be leased, and what was set aside there has been looked at. */
  readonly settled: Promise<void>
  readonly #environment: EngineEnvironment
  readonly #plan: Plan
  readonly #partitions: Partitions
  readonly #stop = new AbortController()
  /** When it has been waited for the end for long enough. */
  readonly #giveUp = new AbortController()
  /** When all partitions are given back. */
  readonly #over = new AbortController()
  #state: SubscriptionState = 'starting'
  /** When the storage last heard of this worker for sure. */
  #heardAt = Number.NEGATIVE_INFINITY
  #failure: { readonly error: unknown } | undefined
  #settle = () => {}
  #wake = () => {}
  #isWoken = false

  constructor(environment: EngineEnvironment, plan: Plan) {
    this.#environment = environment
    this.#plan = plan
    this.#partitions = new Partitions(environment, plan, this.name, this.progress, {
      settled: () => this.#settle(),
      changed: (error) => this.#updateState(error),
      ended: () => this.#wakeUp(),
      failed: (error) => this.#fail(error),
    })
    this.settled = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.ended = this.#work()
  }

  get state(): SubscriptionState {
    return this.#state
  }

  /** Gives up on a handler that has not finished after so many milliseconds. */
  async stop(timeout: number): Promise<void> {
    this.#setState('stopping')
    this.#stopLeading()
    await this.#endWithin(timeout)
  }

  /** Waits for the end, or sees to it that it comes. */
  async #endWithin(milliseconds: number): Promise<void> {
    const hasEnded = new AbortController()
    const late = this.#environment.clock.sleep(milliseconds, hasEnded.signal).then(
      () => {
        this.#giveUp.abort()
        this.#partitions.abandon()
      },
      () => {},
    )
    await this.ended
    hasEnded.abort()
    await late
  }

  /** Never rejects. */
  async #work(): Promise<SubscriptionFailedError | undefined> {
    try {
      await this.#lead()
    } catch (error) {
      this.#fail(error)
    }
    await this.#finish()
    await this.#leave()
    this.#settle()
    if (this.#failure === undefined) {
      this.#setState('stopped')
      return undefined
    }
    const { error } = this.#failure
    const failed =
      error instanceof SubscriptionFailedError
        ? error
        : new SubscriptionFailedError(this.#plan.name, undefined, error)
    this.lastError = failed
    this.#setState('failed', failed)
    return failed
  }

  async #lead(): Promise<void> {
    await this.#create()
    if (this.#stop.signal.aborted) return
    this.#setState('leasing')
    void this.#guard()
    while (!this.#stop.signal.aborted) {
      await this.#keepLeases()
      await this.#rest(Math.min(this.#plan.leaseTime / 3, longestWait))
    }
  }

  /** What is under way when the worker is to stop keeps its lease until it is finished. */
  async #finish(): Promise<void> {
    void this.#partitions.ended().then(() => this.#over.abort())
    const { clock } = this.#environment
    while (!this.#over.signal.aborted) {
      await clock.sleep(this.#plan.leaseTime / 3, this.#over.signal).catch(() => {})
      if (this.#over.signal.aborted) return
      await this.#keepLeases().catch((error: unknown) => this.#fail(error))
    }
  }

  /** Makes the subscription, unless there is one; tries until the storage can be reached. */
  async #create(): Promise<void> {
    const { storage } = this.#environment
    const { name, from, partitions, handler } = this.#plan
    const { signal } = this.#stop
    const create = async () => {
      await handler.prepare()
      const position = await startPosition(storage, name, from, signal)
      return storage.createSubscription(name, partitions, position, signal)
    }
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const stored = await abortable(create(), signal)
        if (stored === partitions) return
        const problem = `must be ${stored}, as the subscription has been made`
        throw new InvalidInputError('partitions', problem, String(partitions))
      } catch (error) {
        if (signal.aborted) return
        if (!isOutage(error)) throw error
        this.#trouble(error)
        await this.#rest(Math.min(longestPause, shortestPause * 2 ** Math.min(failures, 10)))
      }
    }
  }

  /** Not given up when the worker is to stop: what comes of it could not be given back. */
  async #keepLeases(): Promise<void> {
    const { storage, clock } = this.#environment
    const { signal } = this.#giveUp
    const { name, leaseTime } = this.#plan
    const sentAt = clock.now()
    try {
      const kept = await abortable(storage.keepLeases(name, this.name, leaseTime, signal), signal)
      this.#heardAt = sentAt
      this.#partitions.reconcile(kept)
    } catch (error) {
      if (signal.aborted) return
      if (!isOutage(error)) throw error
      this.#trouble(error)
    }
  }

  /** Gives up what may be another's by now, also while nothing is heard of the storage. */
  async #guard(): Promise<void> {
    const { clock } = this.#environment
    const { leaseTime } = this.#plan
    const { signal } = this.#over
    while (!signal.aborted) {
      const left = this.#heardAt + leaseTime - clock.now()
      if (left <= 0) this.#partitions.abandon()
      await clock.sleep(left > 0 ? left : leaseTime / 4, signal).catch(() => {})
    }
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    this.#stopLeading()
    void this.#endWithin(patience)
  }

  #stopLeading(): void {
    this.#stop.abort()
    this.#partitions.stop()
    this.#wakeUp()
  }

  /** Never rejects, and takes no longer than the leases last: then they are free anyway. */
  async #leave(): Promise<void> {
    const { storage, clock } = this.#environment
    const isLeft = new AbortController()
    const leaving = storage.leave(this.#plan.name, this.name).catch((error: unknown) => this.#trouble(error))
    await Promise.race([leaving, clock.sleep(this.#plan.leaseTime, isLeft.signal).catch(() => {})])
    isLeft.abort()
  }

  /** Sleeps, unless something happened that calls for a look at the leases. */
  async #rest(milliseconds: number): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    if (!this.#isWoken && !this.#stop.signal.aborted) {
      await this.#environment.clock.sleep(milliseconds, woken.signal).catch(() => {})
    }
    this.#wake = () => {}
    this.#isWoken = false
  }

  #wakeUp(): void {
    this.#isWoken = true
    this.#wake()
  }

  #trouble(error: unknown): void {
    this.lastError = error
    if (!this.#stop.signal.aborted) this.#setState('retrying', error)
  }

  #updateState(error?: unknown): void {
    if (error !== undefined) this.lastError = error
    if (!this.#stop.signal.aborted) this.#setState(this.#partitions.state ?? 'leasing', error)
  }

  #setState(state: SubscriptionState, error?: unknown): void {
    if (state === this.#state || this.#state === 'failed' || this.#state === 'stopped') return
    this.#state = state
    try {
      this.#plan.onStateChange?.(state, error)
    } catch (thrown) {
      this.#fail(thrown)
    }
  }
}
