/** The partitions that a worker handles: begun when it gets their leases, and ended when it is to give them back. */
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { KeptLeases, Lease } from '../storage/subscriptions.ts'
import { PartitionRun, type PartitionState } from './partition-run.ts'
import type { Plan } from './plan.ts'
import type { Progress } from './progress.ts'

export interface PartitionsReport {
  /** What was set aside has been looked at wherever there was a lease at first. */
  settled(): void
  /** The state of one of them is another. */
  changed(error?: unknown): void
  /** One has ended: there may be leases to get. */
  ended(): void
  /** The subscription cannot go on. */
  failed(error: unknown): void
}

interface Running {
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
  readonly #running = new Map<number, Running>()
  /** The last lease of each partition that was begun with: no lease is begun with twice. */
  readonly #begun = new Map<number, Lease>()
  #toSettle: Set<number> | undefined
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

  /** Of all of them; undefined if there is none. */
  get state(): PartitionState | undefined {
    const states = [...this.#running.values()].map(({ state }) => state)
    return (['retrying', 'parking', 'catching-up', 'live'] as const).find((state) => states.includes(state))
  }

  /** Begins and ends what the leases, and how many it should have, call for. */
  reconcile({ leases, share }: KeptLeases): void {
    for (const [partition, { run }] of this.#running) {
      const lease = leases.find((one) => one.partition === partition)
      if (lease?.token !== run.lease.token || lease.server !== run.lease.server) run.abandon()
    }
    const most = this.#isStopped ? 0 : Math.max(1, share)
    for (const lease of leases) {
      if (this.#running.has(lease.partition)) continue
      // One that has ended here was given back, but perhaps that was not heard, or is heard after this answer.
      const begun = this.#begun.get(lease.partition)
      const isNew = begun === undefined || lease.server !== begun.server || lease.token > begun.token
      if (isNew && this.#running.size < most) this.#begin(lease)
      else void this.#release(lease)
    }
    // Another worker has come: it takes what is given back here.
    for (const { run } of [...this.#running.values()].slice(most)) run.stop()
    this.#toSettle ??= new Set(this.#running.keys())
    if (this.#toSettle.size === 0) this.#report.settled()
    this.#report.changed()
  }

  /** Each finishes what it is at. */
  stop(): void {
    this.#isStopped = true
    for (const { run } of this.#running.values()) run.stop()
  }

  /** Each gives up what it is at. */
  abandon(): void {
    for (const { run } of this.#running.values()) run.abandon()
  }

  /** Resolves once all have ended, and given back their leases. */
  async ended(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ ended }) => ended))
  }

  #begin(lease: Lease): void {
    const { partition } = lease
    const run = new PartitionRun(this.#environment, this.#plan, lease, this.#progress, {
      state: (state, error) => {
        running.state = state
        this.#report.changed(error)
      },
      settled: () => this.#settle(partition),
    })
    const running: Running = { run, state: 'catching-up', ended: Promise.resolve() }
    this.#running.set(partition, running)
    this.#begun.set(partition, lease)
    running.ended = this.#follow(run)
  }

  /** Never rejects. */
  async #follow(run: PartitionRun): Promise<void> {
    const { lease } = run
    try {
      if ((await run.run()) === 'stopped') await this.#release(lease)
    } catch (error) {
      this.#report.failed(error)
      await this.#release(lease)
    }
    this.#running.delete(lease.partition)
    this.#settle(lease.partition)
    this.#report.changed()
    this.#report.ended()
  }

  /** Never rejects, and takes no longer than the lease lasts: one that is not given back ends by itself. */
  async #release(lease: Lease): Promise<void> {
    const { storage, clock } = this.#environment
    const isReleased = new AbortController()
    const releasing = storage
      .releaseLeases([lease], this.#worker)
      .catch((error: unknown) => this.#report.changed(error))
    await Promise.race([releasing, clock.sleep(this.#plan.leaseTime, isReleased.signal).catch(() => {})])
    isReleased.abort()
  }

  #settle(partition: number): void {
    if (this.#toSettle?.delete(partition) === true && this.#toSettle.size === 0) this.#report.settled()
  }
}
