/**
 * One worker of a subscription: it leases partitions, renews the leases, and handles the events of its partitions.
 *
 *     starting ──▶ leasing ⇄ catching-up ⇄ live     (see partition-run.ts, also for retrying and parking)
 *                     ▲            │          │
 *                     └─ outdated ◀┴──────────┘     an event needs a newer process: leaves the work to others for a while
 *         │           │            │          │
 *         └───────────┴──────┬─────┴──────────┘
 *                            ▼
 *                 stopping ──▶ stopped      or, after an error:  failed; also superseded, removed
 *
 * A lease lets one worker at a time handle a partition. The storage decides when it expires, and never by the wall
 * clock of a worker. A worker that could not renew its leases for the lease time abandons its partitions. If it does so
 * too late, the storage refuses its writes by their fencing token.
 */
import { randomBytes } from 'node:crypto'
import {
  hasCode,
  isOutage,
  StoreUnavailableError,
  SubscriptionFailedError,
  type UnreadableEventError,
} from '../errors/index.ts'
import { abortable, onAbort } from '../runtime/abort.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { KeptLeases } from '../storage/subscriptions.ts'
import type { HeartbeatMember } from './heartbeat.ts'
import type { PartitionState } from './partition-run.ts'
import { Partitions } from './partitions.ts'
import type { Plan } from './plan.ts'
import type { Progress } from './progress.ts'
import { registerSubscription } from './register.ts'
import type { FailedCall, StateChange, SubscriptionState } from './subscription.ts'

// All in milliseconds. The pause after a transient error doubles from the first value up to the second.
const shortestPause = 50
const longestPause = 5_000
// When an event needs a newer process, the worker takes no leases for this time. It doubles each time up to the second value.
const shortestStepBack = 5_000
const longestStepBack = 60_000
// How often an observer receives the lag.
const lagInterval = 1_000
// When one partition has failed, the others may finish their current events for this long.
const failureTimeout = 30_000
// How long an abandoned worker waits for the storage to release its leases. They expire if the storage does not answer.
const releaseTimeout = 500

/** Whether a projection has failed because another process has built its documents with a higher version. */
function isOfLaterVersion(error: unknown): boolean {
  const cause = hasCode(error, 'subscription-failed') ? error.cause : error
  return hasCode(cause, 'projection-version') && cause.registered > cause.version
}

const noChange: StateChange = { error: undefined, event: undefined, attempt: undefined, partition: undefined }

const endStates: ReadonlySet<SubscriptionState> = new Set(['failed', 'stopped', 'superseded', 'removed'])

export class Worker {
  /** Identifies the worker as the owner of leases. */
  readonly name: string
  readonly progress: Progress = { handled: 0, parked: 0 }
  lastError: unknown
  /** Resolves with the error that failed the subscription, or with `undefined` after a normal stop. */
  readonly ended: Promise<SubscriptionFailedError | undefined>
  /** Resolves once the worker's definition is compared with the stored one, or the worker has ended. */
  readonly registered: Promise<void>
  /** Resolves once the worker has its first leases and has handled the parked events that were due, or has ended. */
  readonly parkedHandled: Promise<void>
  /** Resolves once the worker hears that an operator has paused the subscription. */
  readonly paused: Promise<void>
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
  #isPaused = false
  /** Whether the worker has left its work to newer processes. */
  #isOutdated = false
  /** How often it has done so. */
  #stepsBack = 0
  #resolveOutdated = (_: UnreadableEventError) => {}
  #failure: { readonly error: unknown } | undefined
  /** The last state of a worker that ends without a failure. */
  #lastState: 'stopped' | 'superseded' | 'removed' = 'stopped'
  /** The worker's part in the heartbeat of the process, from its registration until its runs have ended. */
  #member: HeartbeatMember | undefined
  #place: string | undefined
  #resolveRegistered = () => {}
  #resolveParkedHandled = () => {}
  #resolvePaused = () => {}
  /** Resolves when an abandoned worker must not wait for the storage any longer. */
  readonly #releaseTimedOut: Promise<void>
  #resolveReleaseTimedOut = () => {}

  constructor(environment: EngineEnvironment, plan: Plan) {
    this.#environment = environment
    this.#plan = plan
    this.name = `${environment.workerName}/${randomBytes(4).toString('hex')}`
    this.#partitions = new Partitions(environment, plan, this.name, this.progress, {
      parkedHandled: () => this.#resolveParkedHandled(),
      changed: (error) => this.#updateState({ ...noChange, error }),
      partitionChanged: (partition, state, error, call) =>
        this.#noteOfPartition(partition, state, error, call),
      ended: () => this.#member?.beatNow(),
      outdated: (error) => this.#noteOutdated(error),
      failed: (error) => this.#fail(error),
    })
    this.registered = new Promise((resolve) => {
      this.#resolveRegistered = resolve
    })
    this.parkedHandled = new Promise((resolve) => {
      this.#resolveParkedHandled = resolve
    })
    this.paused = new Promise((resolve) => {
      this.#resolvePaused = resolve
    })
    this.#releaseTimedOut = new Promise((resolve) => {
      this.#resolveReleaseTimedOut = resolve
    })
    this.ended = this.#run()
    // Not before: a caller that waits for the registration must learn of the failure first.
    void this.ended.then(() => this.#resolveRegistered())
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
      await this.#register()
      if (!this.#stop.signal.aborted) await this.#lease()
    } catch (error) {
      this.#fail(error)
    }
    await this.#drain()
    await Promise.race([this.#member?.leave(), this.#releaseTimedOut])
    await this.#leave()
    this.#resolveParkedHandled()
    await this.#listenersEnded()
    if (this.#failure === undefined) {
      this.#setState(this.#lastState)
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

  /** Takes part in the heartbeat of the process until the worker must stop. Leaves it for a while when it is outdated. */
  async #lease(): Promise<void> {
    this.#setState('leasing')
    void this.#watchExpiry()
    void this.#reportLag()
    const { signal } = this.#stop
    while (!signal.aborted) {
      const outdated = new Promise<UnreadableEventError>((resolve) => {
        this.#resolveOutdated = resolve
      })
      this.#member = this.#joinHeartbeat()
      let stopListening = () => {}
      const stopped = new Promise<undefined>((resolve) => {
        stopListening = onAbort(signal, () => resolve(undefined))
      })
      const error = await Promise.race([outdated, stopped])
      stopListening()
      if (error !== undefined) await this.#stepBack(error)
    }
  }

  #joinHeartbeat(): HeartbeatMember {
    const { name: subscription, definition, leaseTime: milliseconds } = this.#plan
    const { version } = definition
    const beat = { subscription, place: this.#place as string, version, worker: this.name, milliseconds }
    return this.#environment.heartbeat.join(beat, {
      kept: (kept, sentAt) => this.#takeLeases(kept, sentAt),
      renewed: (sentAt) => this.#noteRenewal(sentAt),
      failed: (error) => (isOutage(error) ? this.#reportOutage(error) : this.#fail(error)),
    })
  }

  #noteOutdated(error: UnreadableEventError): void {
    if (!this.#plan.stepsBack) {
      this.#fail(new SubscriptionFailedError(this.#plan.name, error.position, error))
      return
    }
    this.lastError = error
    this.#partitions.stop()
    this.#resolveOutdated(error)
  }

  /**
   * Releases all leases, so that a newer process can take them, and takes none for a while. The heartbeat renews the leases
   * until the running handlers have ended.
   */
  async #stepBack(error: UnreadableEventError): Promise<void> {
    const { clock } = this.#environment
    const { signal } = this.#stop
    // A storage that does not answer must not delay a stop.
    await Promise.race([this.#partitions.ended(), this.#releaseTimedOut])
    await Promise.race([this.#member?.leave(), this.#releaseTimedOut])
    if (signal.aborted) return
    this.#isOutdated = true
    this.#setState('outdated', { ...noChange, error })
    await this.#leave()
    const pause = Math.min(longestStepBack, shortestStepBack * 2 ** Math.min(this.#stepsBack++, 10))
    await clock.sleep(pause * (0.5 + Math.random() / 2), signal).catch(() => {})
    this.#isOutdated = false
    if (signal.aborted) return
    this.#renewedAt = clock.now()
    this.#partitions.resume()
    this.#setState('leasing')
  }

  /** Waits until all runs have ended. The heartbeat renews their leases until then: a handler may still be at work. */
  async #drain(): Promise<void> {
    await Promise.race([this.#partitions.ended(), this.#releaseTimedOut])
    this.#released.abort()
  }

  /** Registers the subscription. Retries until the storage can be reached. */
  async #register(): Promise<void> {
    const { storage } = this.#environment
    const { signal } = this.#stop
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const registration = await abortable(registerSubscription(storage, this.#plan, signal), signal)
        if (registration.kind === 'superseded') return this.#end('superseded')
        this.#place = registration.place
        this.#resolveRegistered()
        return
      } catch (error) {
        if (signal.aborted) return
        if (!isOutage(error)) throw error
        this.#reportOutage(error)
        const pause = Math.min(longestPause, shortestPause * 2 ** Math.min(failures, 10))
        await this.#environment.clock.sleep(pause, signal).catch(() => {})
      }
    }
  }

  #noteRenewal(sentAt: number): void {
    this.#renewedAt = Math.max(this.#renewedAt, sentAt)
  }

  #takeLeases(kept: KeptLeases, sentAt: number): void {
    if (kept.kind !== 'kept') {
      this.#partitions.abandon()
      this.#end(kept.kind)
      return
    }
    // The answer has come too late: other workers may own these leases by now. They stay as they are, and the next
    // heartbeat tells. To release them and take them again would take a busy storage as long as this time, and so for ever.
    this.#noteRenewal(sentAt - (kept.renewedBefore ?? 0))
    if (this.#environment.clock.now() - this.#renewedAt >= this.#plan.leaseTime) return
    this.#isExpired = false
    this.#isPaused = kept.isPaused
    if (kept.isPaused) this.#resolvePaused()
    this.#partitions.reconcile(kept)
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
      if (this.#isOutdated) this.#renewedAt = clock.now()
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

  /** Reports the lag to the observer until the runs have ended. Asks the database nothing. */
  async #reportLag(): Promise<void> {
    const { clock, observation } = this.#environment
    const measure = observation?.measure
    if (measure === undefined) return
    const { signal } = this.#released
    while (!signal.aborted) {
      await clock.sleep(lagInterval, signal).catch(() => {})
      const { lag } = this.#partitions
      if (lag !== undefined) measure({ kind: 'lag', subscription: this.#plan.name, ...lag })
    }
  }

  #fail(error: unknown): void {
    if (this.#stop.signal.aborted && this.#lastState !== 'stopped') return
    if (isOfLaterVersion(error)) {
      this.#end('superseded')
      return
    }
    this.#failWith(error)
  }

  /** Also fails a worker that was superseded or removed: its program must hear of a mistake in `onStateChange`. */
  #failWith(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    this.#requestStop()
    void this.#waitForEnd(failureTimeout)
  }

  /** Stops the worker without a failure: the subscription was superseded or removed. */
  #end(state: 'superseded' | 'removed'): void {
    if (this.#stop.signal.aborted) return
    this.#lastState = state
    this.#requestStop()
    void this.#waitForEnd(failureTimeout)
  }

  #requestStop(): void {
    this.#stop.abort()
    this.#partitions.stop()
  }

  /** Removes the worker from the storage. Never rejects, and ends after the lease time or the stop timeout at the latest. */
  async #leave(): Promise<void> {
    if (this.#place === undefined) return
    const { storage, clock } = this.#environment
    const timer = new AbortController()
    const leaving = storage.leave(this.#place, this.name).catch((error: unknown) => this.#reportOutage(error))
    const expired = clock.sleep(this.#plan.leaseTime, timer.signal).catch(() => {})
    await Promise.race([leaving, expired, this.#releaseTimedOut])
    timer.abort()
  }

  #reportOutage(error: unknown): void {
    this.lastError = error
    if (!this.#stop.signal.aborted) this.#setState('retrying', { ...noChange, error })
  }

  /** The state of a worker that runs. */
  get #stateAtWork(): SubscriptionState {
    if (this.#isOutdated) return 'outdated'
    const atRest = this.#isPaused ? 'paused' : 'leasing'
    return this.#partitions.state ?? (this.#isExpired ? 'retrying' : atRest)
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
    if (endStates.has(this.#state)) return
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
      this.#failWith(thrown)
    }
  }

  #await(listening: Promise<unknown>): void {
    const ended = listening
      .catch((error: unknown) => this.#failWith(error))
      .finally(() => this.#listening.delete(ended))
    this.#listening.add(ended)
  }

  /** Waits for the promises that `onStateChange` has returned, until the time to stop is over. */
  async #listenersEnded(): Promise<void> {
    await abortable(Promise.all(this.#listening), this.#abandon.signal).catch(() => {})
  }
}
