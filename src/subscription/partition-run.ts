/**
 * One leased partition, handled from its checkpoint on for as long as the lease is held:
 *
 *     catching-up ⇄ live        a full page was read, or the end of the log
 *         │  ▲       │  ▲
 *         ▼  │       ▼  │       by the next success
 *      retrying, parking        the handler, or the storage, has failed; an event was set aside
 *
 * It ends when it is stopped ('stopped'), when the lease is another's ('lost'), or by a throw, when it cannot go on.
 */
import { hasCode, isOutage, LeaseLostError } from '../errors/index.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { LogPage } from '../storage/log-query.ts'
import { wholeLog } from '../storage/log-query.ts'
import type { Lease } from '../storage/subscriptions.ts'
import { Checkpoint } from './checkpoint.ts'
import { Delivery, type DeliveryReport, Stopped } from './delivery.ts'
import { Interrupted, type RunSignals } from './handler-calls.ts'
import { ParkedDelivery } from './parked-delivery.ts'
import type { Plan } from './plan.ts'
import type { Progress } from './progress.ts'

// Larger pages take the storage less time an event, and the garbage collector more. Batches are cut from them.
const eventsPerPage = 2_000
const shortestNap = 5
const longestParkedInterval = 1_000
const shortestPause = 50
const longestPause = 5_000

export type PartitionState = 'catching-up' | 'live' | 'retrying' | 'parking'

export interface PartitionReport {
  state(state: PartitionState, error?: unknown): void
  /** What was set aside has been looked at. */
  settled(): void
}

interface Look {
  readonly page: Promise<LogPage>
  /** How often this process had appended before. */
  readonly wakeups: number
}

export class PartitionRun {
  readonly lease: Lease
  readonly #environment: EngineEnvironment
  readonly #plan: Plan
  readonly #report: PartitionReport
  readonly #stop = new AbortController()
  readonly #abandon = new AbortController()
  readonly #checkpoint: Checkpoint
  readonly #delivery: Delivery
  readonly #parked: ParkedDelivery
  #phase: 'catching-up' | 'live' = 'catching-up'
  #lookedAtParked = Number.NEGATIVE_INFINITY

  constructor(
    environment: EngineEnvironment,
    plan: Plan,
    lease: Lease,
    progress: Progress,
    report: PartitionReport,
  ) {
    this.lease = lease
    this.#environment = environment
    this.#plan = plan
    this.#report = report
    const signals: RunSignals = { stop: this.#stop.signal, abandon: this.#abandon.signal }
    const deliveryReport: DeliveryReport = {
      retrying: (error) => report.state('retrying', error),
      recovered: () => report.state(this.#phase),
      parking: () => report.state('parking'),
    }
    this.#checkpoint = new Checkpoint(environment, lease, signals.abandon)
    this.#delivery = new Delivery(
      environment,
      plan,
      lease,
      this.#checkpoint,
      signals,
      progress,
      deliveryReport,
    )
    this.#parked = new ParkedDelivery(environment, lease, this.#delivery, signals, progress, deliveryReport)
  }

  /** No further event; what is handled is finished, and its checkpoint written. */
  stop(): void {
    this.#stop.abort(new Stopped())
  }

  /** What is under way is given up at once. */
  abandon(): void {
    this.stop()
    this.#abandon.abort(new Stopped())
  }

  async run(): Promise<'stopped' | 'lost'> {
    for (let failures = 0; ; failures++) {
      const before = this.#checkpoint.position
      try {
        if (failures > 0) await this.#lookUp()
        await this.#follow()
      } catch (error) {
        if (hasCode(error, 'lease-lost')) return 'lost'
        const isTold = error instanceof Stopped || (this.#stop.signal.aborted && mayPass(error))
        // What was handled before, also before an event at fault, is not to be handled again.
        if (isTold || !mayPass(error)) await this.#end()
        if (isTold) return 'stopped'
        if (!mayPass(error)) throw error
        if (this.#checkpoint.position > before) failures = 0
        this.#report.state('retrying', error instanceof Interrupted ? error.cause : error)
        const pause = Math.min(longestPause, shortestPause * 2 ** Math.min(failures, 10))
        const { clock } = this.#environment
        await clock.sleep(pause * (0.5 + Math.random() / 2), this.#stop.signal).catch(() => {})
      }
    }
  }

  /** Goes on where the stored checkpoint is, if it is further: what failed last may have been done all the same. */
  async #lookUp(): Promise<void> {
    const { subscription, partition } = this.lease
    const checkpoints = await this.#environment.storage.checkpoints(subscription, this.#stop.signal)
    const stored = checkpoints.find((checkpoint) => checkpoint.partition === partition)
    if (stored !== undefined) this.#checkpoint.storedUpTo(stored.position)
  }

  /** Never rejects: what cannot be stored any more is handled again by whoever comes next. */
  async #end(): Promise<void> {
    if (!this.#abandon.signal.aborted) await this.#checkpoint.write().catch(() => {})
  }

  async #follow(): Promise<never> {
    const { wakeup } = this.#environment
    const stop = this.#stop.signal
    const checkpoint = this.#checkpoint
    const { subscription, partition } = this.lease
    await this.#delivery.readBlocked()
    let ahead: Look | undefined
    for (let nap = shortestNap; ; ) {
      if (stop.aborted) throw new Stopped()
      await this.#deliverParked()
      const present = ahead ?? this.#look(checkpoint.position)
      const page = await present.page
      if (stop.aborted) throw new Stopped()
      // What was handled, and is not stored, may be what this server has lost; its positions are others' then.
      if (page.server !== this.lease.server) throw new LeaseLostError(subscription, partition)
      if (page.full) this.#enter('catching-up')
      // One page ahead, and no more: memory is bounded however long the log is.
      ahead = page.full ? this.#look(page.through) : undefined
      if (page.full) await this.#breathe()
      await this.#delivery.deliver(page.events)
      checkpoint.moveTo(page.through)
      // Before the checkpoint tells others that it has caught up.
      if (!page.full) this.#enter('live')
      if (page.full || page.events.length > 0 || checkpoint.isDue) checkpoint.writeSoon()
      if (page.full) continue
      if (page.events.length > 0 || wakeup.count !== present.wakeups) nap = shortestNap
      await wakeup.wait(nap, present.wakeups, stop).catch(() => {})
      nap = Math.min(nap * 2, this.#plan.pollInterval)
    }
  }

  /**
   * The next page is asked for before this one is decoded and handled, and a log in memory with a handler that never
   * waits leaves time for others.
   */
  async #breathe(): Promise<void> {
    await this.#environment.clock.sleep(0, this.#stop.signal).catch(() => {})
  }

  #enter(phase: 'catching-up' | 'live'): void {
    this.#phase = phase
    this.#report.state(phase)
  }

  async #deliverParked(): Promise<void> {
    const { clock } = this.#environment
    const interval = Math.min(longestParkedInterval, 4 * this.#plan.pollInterval)
    if (clock.now() - this.#lookedAtParked <= interval) return
    await this.#parked.deliver()
    this.#lookedAtParked = clock.now()
    this.#report.settled()
  }

  #look(after: number): Look {
    const { storage, wakeup } = this.#environment
    const { filter, partitions, batchSize } = this.#plan
    const partition = partitions === 1 ? undefined : { index: this.lease.partition, count: partitions }
    const query = { ...wholeLog, ...filter, after, partition, limit: Math.max(batchSize, eventsPerPage) }
    const wakeups = wakeup.count
    const page = storage.readLogPage(query, this.#stop.signal)
    // Its error is heard when it is its turn, or never.
    page.catch(() => {})
    return { page, wakeups }
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof Interrupted || isOutage(error)
}
