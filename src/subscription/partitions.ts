/** Starts a run for each partition that the worker leases, and ends it when the worker loses or releases the lease. */
import type { UnreadableEventError } from '../errors/index.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { SkipLayer } from '../storage/registry.ts'
import type { KeptLeases, Lease } from '../storage/subscriptions.ts'
import { PartitionRun, type PartitionState } from './partition-run.ts'
import type { Plan } from './plan.ts'
import type { Progress } from './progress.ts'
import type { FailedCall } from './subscription.ts'

/** The answer to a heartbeat, for a worker that may continue. */
export type HeldLeases = Extract<KeptLeases, { readonly kind: 'kept' }>

export interface PartitionsReport {
  /** In each partition of the worker's first leases, the parked events that were due are handled. */
  parkedHandled(): void
  /** A partition has started, ended, or could not be released. */
  changed(error?: unknown): void
  /** The state of a partition has changed, or stays and has another reason. */
  partitionChanged(partition: number, state: PartitionState, error?: unknown, call?: FailedCall): void
  /** A run has ended: the worker may be able to take other leases. */
  ended(): void
  /** A partition has ended before an event that only a newer process can read. */
  outdated(error: UnreadableEventError): void
  /** The subscription has failed. */
  failed(error: unknown): void
}

interface RunningPartition {
  readonly run: PartitionRun
  state: PartitionState
  ended: Promise<void>
}

export class Partitions {
  readonly #environment: EngineEnvironment
  readonly #plan: Plan
  readonly #worker: string
  readonly #progress: Progress
  readonly #report: PartitionsReport
  readonly #running = new Map<number, RunningPartition>()
  /** The last lease of each partition that a run was started for: no lease starts two runs. */
  readonly #lastStarted = new Map<number, Lease>()
  /** Partitions of the first leases whose parked events are not handled yet; undefined before the first leases. */
  #awaitingParked: Set<number> | undefined
  #isStopped = false

  constructor(
    environment: EngineEnvironment,
    plan: Plan,
    worker: string,
    progress: Progress,
    report: PartitionsReport,
  ) {
    this.#environment = environment
    this.#plan = plan
    this.#worker = worker
    this.#progress = progress
    this.#report = report
  }

  /** The most urgent state of all partitions; undefined if the worker has none. */
  get state(): PartitionState | undefined {
    const states = [...this.#running.values()].map(({ state }) => state)
    return (['retrying', 'parking', 'catching-up', 'live'] as const).find((state) => states.includes(state))
  }

  /** Starts and ends runs, so that they match the leases that the storage has granted and the worker's share. */
  reconcile({ leases, share, skip, parkedRequests }: HeldLeases): void {
    for (const [partition, { run }] of this.#running) {
      const lease = leases.find((one) => one.partition === partition)
      if (lease?.token !== run.lease.token || lease.server !== run.lease.server) run.abandon()
      else run.noteParkedRequests(parkedRequests)
    }
    const limit = this.#isStopped ? 0 : share
    for (const lease of leases) {
      if (this.#running.has(lease.partition)) continue
      // The storage may still list a lease whose run has ended here: its release was lost, or came after this answer.
      const last = this.#lastStarted.get(lease.partition)
      const isNew = last === undefined || lease.server !== last.server || lease.token > last.token
      if (isNew && this.#running.size < limit) this.#start(lease, skip, parkedRequests)
      else void this.#release(lease)
    }
    // The share is smaller because another worker has joined. That worker takes the leases that these runs release.
    for (const { run } of [...this.#running.values()].slice(limit)) run.stop()
    this.#awaitingParked ??= new Set(this.#running.keys())
    if (this.#awaitingParked.size === 0) this.#report.parkedHandled()
    this.#report.changed()
  }

  /** Ends all runs; each finishes its current event. */
  stop(): void {
    this.#isStopped = true
    for (const { run } of this.#running.values()) run.stop()
  }

  /** Lets `reconcile` start runs again after `stop`. */
  resume(): void {
    this.#isStopped = false
  }

  /** Ends all runs at once; each drops its running calls. */
  abandon(): void {
    for (const { run } of this.#running.values()) run.abandon()
  }

  /** How far the partitions of this worker are behind the log; undefined if it has none. */
  get lag(): { readonly lag: number; readonly lagTime: number } | undefined {
    const lags = [...this.#running.values()].map(({ run }) => run.lag)
    if (lags.length === 0) return undefined
    return {
      lag: Math.max(...lags.map(({ lag }) => lag)),
      lagTime: Math.max(...lags.map(({ lagTime }) => lagTime)),
    }
  }

  /** When the last transaction that held a lease in place of the heartbeat ended; infinity while one holds it. */
  get heldUntil(): number {
    return Math.max(...[...this.#running.values()].map(({ run }) => run.heldUntil))
  }

  /** Resolves once all runs have ended and released their leases. */
  async ended(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ ended }) => ended))
  }

  #start(lease: Lease, skip: readonly SkipLayer[], parkedRequests: number): void {
    const { partition } = lease
    const run = new PartitionRun(this.#environment, this.#plan, lease, skip, this.#progress, {
      state: (state, error, call) => {
        running.state = state
        this.#report.partitionChanged(partition, state, error, call)
      },
      parkedHandled: () => this.#noteParkedHandled(partition),
    })
    const running: RunningPartition = { run, state: 'catching-up', ended: Promise.resolve() }
    run.noteParkedRequests(parkedRequests)
    this.#running.set(partition, running)
    this.#lastStarted.set(partition, lease)
    running.ended = this.#runToEnd(run)
  }

  /** Never rejects. */
  async #runToEnd(run: PartitionRun): Promise<void> {
    const { lease } = run
    try {
      const end = await run.run()
      // Before the release: the worker must not take the lease again at once.
      if (end instanceof Error) this.#report.outdated(end)
      if (end !== 'lost') await this.#release(lease)
    } catch (error) {
      this.#report.failed(error)
      await this.#release(lease)
    }
    this.#running.delete(lease.partition)
    this.#noteParkedHandled(lease.partition)
    this.#report.changed()
    this.#report.ended()
  }

  /** Never rejects, and takes no longer than the lease time: a lease that is not released expires by then. */
  async #release(lease: Lease): Promise<void> {
    const { storage, clock } = this.#environment
    const timer = new AbortController()
    const releasing = storage
      .releaseLeases([lease], this.#worker)
      .catch((error: unknown) => this.#report.changed(error))
    await Promise.race([releasing, clock.sleep(this.#plan.leaseTime, timer.signal).catch(() => {})])
    timer.abort()
  }

  #noteParkedHandled(partition: number): void {
    if (this.#awaitingParked?.delete(partition) === true && this.#awaitingParked.size === 0) {
      this.#report.parkedHandled()
    }
  }
}
