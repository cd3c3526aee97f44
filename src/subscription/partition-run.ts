/**
 * One leased partition, handled from its checkpoint on for as long as the lease is held:
 *
 *     catching-up ⇄ live        a full page was read, or the end of the log
 *         │  ▲
 *         ▼  │ by the next success
 *      retrying                 the handler, or the storage, has failed
 *
 * It ends when it is stopped ('stopped'), when the lease is another's ('lost'), or by a throw, when it cannot go on.
 */
import { hasCode } from '../errors.ts'
import type { LogPage } from '../storage.ts'
import { Delivery, type DeliveryReport, type DeliverySignals, Interrupted, Stopped } from './delivery.ts'
import type { SubscriptionEnvironment } from './environment.ts'
import type { Plan } from './plan.ts'
import type { Lease } from './storage.ts'

const shortestNap = 5
const parkedInterval = 1_000
const longestPause = 5_000

export type PartitionState = 'catching-up' | 'live' | 'retrying' | 'parking'

export interface PartitionReport {
  state(state: PartitionState, error?: unknown): void
  handled(count: number): void
  parked(count: number): void
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
  readonly #environment: SubscriptionEnvironment
  readonly #plan: Plan
  readonly #report: PartitionReport
  readonly #stop = new AbortController()
  readonly #abandon = new AbortController()
  #delivery: Delivery
  #lookedAtParked = Number.NEGATIVE_INFINITY

  constructor(environment: SubscriptionEnvironment, plan: Plan, lease: Lease, report: PartitionReport) {
    this.lease = lease
    this.#environment = environment
    this.#plan = plan
    this.#report = report
    this.#delivery = this.#newDelivery(lease)
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

  #newDelivery(lease: Lease): Delivery {
    const signals: DeliverySignals = { stop: this.#stop.signal, abandon: this.#abandon.signal }
    const report: DeliveryReport = {
      handled: (count) => this.#report.handled(count),
      parked: (count) => {
        this.#report.parked(count)
        this.#report.state('parking')
      },
      trouble: (error) => this.#report.state('retrying', error),
    }
    return new Delivery(this.#environment, this.#plan, lease, signals, report)
  }

  async run(): Promise<'stopped' | 'lost'> {
    for (let failures = 0; ; failures++) {
      const before = this.#delivery.position
      try {
        if (failures > 0) await this.#restart()
        await this.#follow()
      } catch (error) {
        if (error instanceof Stopped) return this.#end()
        if (hasCode(error, 'lease-lost')) return 'lost'
        const mayPass = error instanceof Interrupted || hasCode(error, 'store-unavailable')
        if (!mayPass) {
          // What was handled before the event at fault is not to be handled again.
          await this.#end()
          throw error
        }
        if (this.#delivery.position > before) failures = 0
        this.#report.state('retrying', error instanceof Interrupted ? error.cause : error)
        const pause = Math.min(longestPause, 50 * 2 ** Math.min(failures, 10)) * Math.random()
        await this.#environment.clock.sleep(pause, this.#stop.signal).catch(() => {})
      }
    }
  }

  /** Begins again where the stored checkpoint is: what was done last may have been committed, or not. */
  async #restart(): Promise<void> {
    if (this.#stop.signal.aborted) throw new Stopped()
    const checkpoints = await this.#environment.storage.checkpoints(this.lease.subscription)
    const { partition, position } = this.lease
    const stored = checkpoints.find((checkpoint) => checkpoint.partition === partition)?.position ?? position
    this.#delivery = this.#newDelivery({ ...this.lease, position: stored })
  }

  async #end(): Promise<'stopped' | 'lost'> {
    if (this.#abandon.signal.aborted) return 'stopped'
    try {
      await this.#delivery.save()
      return 'stopped'
    } catch (error) {
      // Then the events since the last checkpoint are handled again by whoever comes next.
      if (hasCode(error, 'lease-lost') || hasCode(error, 'store-unavailable')) return 'lost'
      throw error
    }
  }

  async #follow(): Promise<never> {
    const { wakeup, clock, storage } = this.#environment
    const { filter, partitions, batchSize, pollInterval } = this.#plan
    const stop = this.#stop.signal
    const delivery = this.#delivery
    const whole = { types: undefined, streamPrefix: undefined, tags: undefined, ...filter }
    const partition = partitions === 1 ? undefined : { index: this.lease.partition, count: partitions }
    const look = (after: number): Look => {
      const query = { ...whole, after, until: Number.MAX_SAFE_INTEGER, partition, limit: batchSize } as const
      const page = storage.readLog({ ...query, direction: 'forward' })
      page.catch(() => {})
      return { page, wakeups: wakeup.count }
    }

    await delivery.readBlocked()
    let ahead: Look | undefined
    for (let nap = shortestNap; ; ) {
      if (stop.aborted) throw new Stopped()
      if (clock.now() - this.#lookedAtParked > parkedInterval) {
        await delivery.deliverParked()
        this.#lookedAtParked = clock.now()
        this.#report.settled()
      }
      const present = ahead ?? look(delivery.position)
      const page = await present.page
      if (stop.aborted) throw new Stopped()
      if (page.full) this.#report.state('catching-up')
      // One page ahead, and no more: memory is bounded however long the log is.
      ahead = page.full ? look(page.through) : undefined
      await delivery.deliver(page.events)
      delivery.pass(page.through)
      if (page.full) {
        await delivery.saveSoon()
        continue
      }
      // Before the checkpoint tells others that it has caught up.
      this.#report.state('live')
      if (page.events.length > 0) {
        await delivery.save()
        nap = shortestNap
      } else if (delivery.isSavingDue) {
        await delivery.save()
      }
      const woken = wakeup.count
      await wakeup.wait(nap, present.wakeups, stop).catch(() => {})
      nap = wakeup.count === woken ? Math.min(nap * 2, pollInterval) : shortestNap
    }
  }
}
