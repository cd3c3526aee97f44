/**
 * One worker of a subscription: it leases partitions, renews the leases, and handles the events of its partitions.
 *
 *     starting ──▶ leasing ⇄ catching-up ⇄ live     (see partition-run.ts, also for retrying and parking)
 *         │           │            │          │
 *         └───────────┴──────┬─────┴──────────┘
 *                            ▼
 *                 stopping ──▶ stopped      or, after an error:  failed
 *
 * A lease lets one worker at a time handle a partition. The storage decides when it expires, and never by the wall
 * clock of a worker. A worker that could not renew its leases for the lease time abandons its partitions. If it does so
 * too late, the storage refuses its writes by their fencing token.
 */
import { randomUUID } from 'node:crypto'
import {
  InvalidInputError,
  isOutage,
  StoreUnavailableError,
  SubscriptionFailedError,
} from '../errors/index.ts'
import { abortable } from '../runtime/abort.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { PartitionState } from './partition-run.ts'
import { Partitions } from './partitions.ts'
import type { Plan } from './plan.ts'
import type { Progress } from './progress.ts'
import { startPosition } from './start-position.ts'
import type { FailedCall, StateChange, SubscriptionState } from './subscription.ts'

// All in milliseconds. The worker renews its leases after a third of the lease time, but at least this often.
const longestRenewalInterval = 1_000
// The pause after a transient error doubles from the first value up to the second.
const shortestPause = 50
const longestPause = 5_000
// When one partition has failed, the others may finish their current events for this long.
const failureTimeout = 30_000
// How long an abandoned worker waits for the storage to take its leases back. They expire if it does not answer.
const releaseTimeout = 500

const noChange: StateChange = { error: undefined, event: undefined, attempt: undefined, partition: undefined }

export class Worker {
  /** Identifies the worker as the owner of leases. */
  readonly name: string = randomUUID()
  readonly progress: Progress = { handled: 0, parked: 0 }
  lastError: unknown
  /** Resolves with the error that failed the subscription, or with `undefined` after a normal stop. */
  readonly ended: Promise<SubscriptionFailedError | undefined>
  /** Resolves once the worker has its first leases and has handled the parked events that were due, or has ended. */
  readonly parkedHandled: Promise<void>
  readonly #environment: EngineEnvironment
  readonly #plan: Plan
  readonly #partitions: Partitions
  readonly #stop = new AbortController()
  /** Aborted when the time to stop is over: the worker then ends without waiting for the storage. */
  readonly #abandon = new AbortController()
  /** Aborted when all runs have ended and released their leases. */
  readonly #released = new AbortController()
  #state: SubscriptionState = 'starting'
  /** The promises of `onStateChange` that have not settled. They never reject. */
  readonly #listening = new Set<Promise<unknown>>()
  /** The state that `onStateChange` received last. */
  #announced: SubscriptionState = 'starting'
  /** When the worker sent the last renewal that the storage has confirmed. */
  #renewedAt = Number.NEGATIVE_INFINITY
  /** Whether the leases have expired since then. */
  #isExpired = false
  #failure: { readonly error: unknown } | undefined
  #resolveParkedHandled = () => {}
  /** Resolves when an abandoned worker must wait for the storage no longer. */
  readonly #releaseTimedOut: Promise<void>
  #resolveReleaseTimedOut = () => {}
  #wake = () => {}
  #isWoken = false

  constructor(environment: EngineEnvironment, plan: Plan) {
    this.#environment = environment
    this.#plan = plan
    this.#partitions = new Partitions(environment, plan, this.name, this.progress, {
      parkedHandled: () => this.#resolveParkedHandled(),
      changed: (error) => this.#updateState({ ...noChange, error }),
      partitionChanged: (partition, state, error, call) =>
        this.#noteOfPartition(partition, state, error, call),
      ended: () => this.#wakeUp(),
      failed: (error) => this.#fail(error),
    })
    this.parkedHandled = new Promise((resolve) => {
      this.#resolveParkedHandled = resolve
    })
    this.#releaseTimedOut = new Promise((resolve) => {
      this.#resolveReleaseTimedOut = resolve
    })
    this.ended = this.#run()
  }

  get state(): SubscriptionState {
    return this.#state
  }

  /** Waits for the running handlers to finish, and abandons them after `timeout` milliseconds. */
  async stop(timeout: number): Promise<void> {
    this.#setState('stopping')
    this.#requestStop()
    await this.#waitForEnd(timeout)
  }

  /** Waits until the worker has ended; abandons its partitions after the timeout. */
  async #waitForEnd(timeout: number): Promise<void> {
    const timer = new AbortController()
    const timedOut = this.#abandonAfter(timeout, timer.signal).catch(() => {})
    await this.ended
    timer.abort()
    await timedOut
  }

  /** Rejects if the signal is aborted: the worker has ended. */
  async #abandonAfter(timeout: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#environment
    await clock.sleep(timeout, signal)
    this.#abandon.abort()
    this.#partitions.abandon()
    await clock.sleep(releaseTimeout, signal)
    this.#resolveReleaseTimedOut()
  }

  /** Never rejects. */
  async #run(): Promise<SubscriptionFailedError | undefined> {
    try {
      await this.#createAndLease()
    } catch (error) {
      this.#fail(error)
    }
    await this.#drain()
    await this.#leave()
    this.#resolveParkedHandled()
    await this.#listenersEnded()
    if (this.#failure === undefined) {
      this.#setState('stopped')
      await this.#listenersEnded()
    }
    return this.#failure && this.#announceFailure(this.#failure.error)
  }

  async #announceFailure(error: unknown): Promise<SubscriptionFailedError> {
    const failed =
      error instanceof SubscriptionFailedError
        ? error
        : new SubscriptionFailedError(this.#plan.name, undefined, error)
    this.lastError = failed
    this.#state = 'failed'
    this.#announce('failed', { ...noChange, error: failed })
    await this.#listenersEnded()
    return failed
  }

  /** Creates the subscription, then renews and takes leases until the worker must stop. */
  async #createAndLease(): Promise<void> {
    await this.#create()
    if (this.#stop.signal.aborted) return
    this.#setState('leasing')
    void this.#watchExpiry()
    while (!this.#stop.signal.aborted) {
      await this.#keepLeases()
      await this.#sleepUntilWoken(Math.min(this.#plan.leaseTime / 3, longestRenewalInterval))
    }
  }

  /** Waits until all runs have ended, and renews their leases until then: a handler may still be at work. */
  async #drain(): Promise<void> {
    const ended = Promise.race([this.#partitions.ended(), this.#releaseTimedOut])
    void ended.then(() => this.#released.abort())
    const { clock } = this.#environment
    while (!this.#released.signal.aborted) {
      await clock.sleep(this.#plan.leaseTime / 3, this.#released.signal).catch(() => {})
      if (this.#released.signal.aborted) return
      await this.#keepLeases().catch((error: unknown) => this.#fail(error))
    }
  }

  /** Creates the subscription if it does not exist. Retries until the storage can be reached. */
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
        const problem = `must be ${stored}, the number that this subscription was created with`
        throw new InvalidInputError('partitions', problem, String(partitions))
      } catch (error) {
        if (signal.aborted) return
        if (!isOutage(error)) throw error
        this.#reportOutage(error)
        await this.#sleepUntilWoken(Math.min(longestPause, shortestPause * 2 ** Math.min(failures, 10)))
      }
    }
  }

  /**
   * Renews the worker's leases and takes free ones. A stop does not interrupt the call: without its answer, the worker
   * could not release the leases that it has got.
   */
  async #keepLeases(): Promise<void> {
    const { storage, clock } = this.#environment
    const { signal } = this.#abandon
    const { name, leaseTime } = this.#plan
    const sentAt = clock.now()
    try {
      const kept = await abortable(storage.keepLeases(name, this.name, leaseTime, signal), signal)
      this.#renewedAt = sentAt
      this.#isExpired = false
      this.#partitions.reconcile(kept)
    } catch (error) {
      if (signal.aborted) return
      if (!isOutage(error)) throw error
      this.#reportOutage(error)
    }
  }

  /**
   * Abandons the partitions when the leases have expired without a renewal: another worker may own them by now. The
   * storage has failed, or does not answer. While a transaction of this worker holds a lease, the heartbeat waits for
   * the connection of that transaction; then the storage gets the lease time to answer from the end of the transaction.
   */
  async #watchExpiry(): Promise<void> {
    const { clock } = this.#environment
    const { name, leaseTime } = this.#plan
    const { signal } = this.#released
    this.#renewedAt = clock.now()
    while (!signal.aborted) {
      const left = Math.max(this.#renewedAt, this.#partitions.heldUntil) + leaseTime - clock.now()
      if (left <= 0) {
        this.#partitions.abandon()
        if (!this.#isExpired) {
          this.#isExpired = true
          const silence = new Error(`no lease was renewed for the lease time of ${leaseTime} ms`)
          this.#reportOutage(new StoreUnavailableError(`Renewing the leases of '${name}'`, 0, silence))
        }
      }
      await clock.sleep(left > 0 ? Math.min(left, leaseTime) : leaseTime / 4, signal).catch(() => {})
    }
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    this.#requestStop()
    void this.#waitForEnd(failureTimeout)
  }

  #requestStop(): void {
    this.#stop.abort()
    this.#partitions.stop()
    this.#wakeUp()
  }

  /** Removes the worker from the storage. Never rejects, and takes no longer than the lease time or the stop. */
  async #leave(): Promise<void> {
    const { storage, clock } = this.#environment
    const timer = new AbortController()
    const leaving = storage
      .leave(this.#plan.name, this.name)
      .catch((error: unknown) => this.#reportOutage(error))
    const expired = clock.sleep(this.#plan.leaseTime, timer.signal).catch(() => {})
    await Promise.race([leaving, expired, this.#releaseTimedOut])
    timer.abort()
  }

  /** Sleeps until the time is over or `#wakeUp` is called; returns at once if it was called since the last sleep. */
  async #sleepUntilWoken(milliseconds: number): Promise<void> {
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

  #reportOutage(error: unknown): void {
    this.lastError = error
    if (!this.#stop.signal.aborted) this.#setState('retrying', { ...noChange, error })
  }

  /** The state of a worker that need not stop. */
  get #stateAtWork(): SubscriptionState {
    return this.#partitions.state ?? (this.#isExpired ? 'retrying' : 'leasing')
  }

  /** Reports a failed call or a parked event of a partition, even if the worker's state stays as it is. */
  #noteOfPartition(
    partition: number,
    state: PartitionState,
    error: unknown,
    call: FailedCall | undefined,
  ): void {
    if (error !== undefined) this.lastError = error
    if (this.#stop.signal.aborted) return
    const change = { error, event: call?.event, attempt: call?.attempt, partition }
    this.#state = this.#stateAtWork
    if (call === undefined) this.#announce(this.#state, change)
    else this.#notify(state, change)
  }

  #updateState(change: StateChange): void {
    if (change.error !== undefined) this.lastError = change.error
    if (!this.#stop.signal.aborted) this.#setState(this.#stateAtWork, change)
  }

  #setState(state: SubscriptionState, change: StateChange = noChange): void {
    if (this.#state === 'failed' || this.#state === 'stopped') return
    this.#state = state
    this.#announce(state, change)
  }

  /** Passes the state to `onStateChange` unless that received it last. */
  #announce(state: SubscriptionState, change: StateChange): void {
    if (state !== this.#announced) this.#notify(state, change)
  }

  #notify(state: SubscriptionState, change: StateChange): void {
    this.#announced = state
    try {
      // A function that returns `void` may return a promise.
      const listening: unknown = this.#plan.onStateChange?.(state, change)
      if (listening instanceof Promise) this.#await(listening)
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  #await(listening: Promise<unknown>): void {
    const ended = listening
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#listening.delete(ended))
    this.#listening.add(ended)
  }

  /** Waits for the promises that `onStateChange` has returned, until the time to stop is over. */
  async #listenersEnded(): Promise<void> {
    await abortable(Promise.all(this.#listening), this.#abandon.signal).catch(() => {})
  }
}
