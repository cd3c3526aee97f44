/**
 * Handles the events of one leased partition, from its checkpoint on, for as long as the worker holds the lease:
 *
 *     catching-up ⇄ live        the last page was full (more events follow), or reached the end of the log
 *         │  ▲       │  ▲
 *         ▼  │       ▼  │       back after the next success
 *      retrying, parking        the handler or the storage has failed; an event was parked
 *
 * The run ends with 'stopped' after a stop, with 'lost' when another worker owns the lease, and with an
 * UnreadableEventError when the next event needs a newer process. It throws an error that fails the subscription.
 */
import { hasCode, isOutage, LeaseLostError, type UnreadableEventError } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import type { LogMember } from '../log/log-reader.ts'
import { abortable, linkedController } from '../runtime/abort.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { LogPage } from '../storage/log-query.ts'
import { partitionOf } from '../storage/partition.ts'
import type { SkipLayer } from '../storage/registry.ts'
import type { Lease } from '../storage/subscriptions.ts'
import { Checkpoint } from './checkpoint.ts'
import { longestWaits } from './checkpoint-writer.ts'
import { Delivery, type DeliveryReport, Stopped } from './delivery.ts'
import { type HeldLease, Interrupted, type RunSignals } from './handler-calls.ts'
import { ParkedDelivery } from './parked-delivery.ts'
import type { Plan } from './plan.ts'
import type { Progress } from './progress.ts'
import type { FailedCall } from './subscription.ts'
import { NotUpcast } from './todays-events.ts'

// Larger pages cost the storage less time per event, but cost the garbage collector more. Batches are cut from a page.
const eventsPerPage = 2_000
// The pause after a transient error doubles from the first value up to the second.
const shortestPause = 50
const longestPause = 5_000
// How long a checkpoint may stay unstored while the run waits for events, in milliseconds. The poll interval may be longer.
const longestUnstored = 1_000

export type PartitionState = 'catching-up' | 'live' | 'retrying' | 'parking'

export interface PartitionReport {
  /** `call`: the failed call that led to the state, if it was for a single event. */
  state(state: PartitionState, error?: unknown, call?: FailedCall): void
  /** The parked events that were due are handled. */
  parkedHandled(): void
}

// The reason that ends a wait, so that the run reads the parked events that are due.
const wake = new Error('an operator has asked for parked events')

export class PartitionRun {
  readonly lease: Lease
  readonly #environment: EngineEnvironment
  readonly #plan: Plan
  readonly #report: PartitionReport
  readonly #stop = new AbortController()
  readonly #abandon = new AbortController()
  readonly #held: HeldLease
  readonly #checkpoint: Checkpoint
  readonly #delivery: Delivery
  readonly #parked: ParkedDelivery
  readonly #skip: readonly SkipLayer[]
  readonly #member: LogMember
  #phase: 'catching-up' | 'live' = 'catching-up'
  #parkedRequests = 0
  /** The value of `#parkedRequests` when the run last read the parked events. 0: no parked event is due. */
  #parkedRequestsSeen = 0
  #hasReportedParked = false
  /** Ends a wait for more events. */
  #wake = () => {}

  constructor(
    environment: EngineEnvironment,
    plan: Plan,
    lease: Lease,
    skip: readonly SkipLayer[],
    progress: Progress,
    report: PartitionReport,
  ) {
    this.lease = lease
    this.#skip = skip
    this.#environment = environment
    this.#plan = plan
    this.#report = report
    const signals: RunSignals = { stop: this.#stop.signal, abandon: this.#abandon.signal }
    const deliveryReport: DeliveryReport = {
      retrying: (error, call) => report.state('retrying', error, call),
      recovered: () => report.state(this.#phase),
      parking: (error, call) => report.state('parking', error, call),
    }
    this.#held = { lease, heldUntil: Number.NEGATIVE_INFINITY }
    const longestWait = longestWaits[plan.definition.kind]
    this.#checkpoint = new Checkpoint(environment, lease, longestWait, signals.abandon)
    this.#delivery = new Delivery(
      environment,
      plan,
      this.#held,
      this.#checkpoint,
      signals,
      progress,
      deliveryReport,
    )
    this.#parked = new ParkedDelivery(environment, lease, this.#delivery, signals, progress, deliveryReport)
    const { filter, pollInterval } = plan
    const { place: subscription, partition: index, partitions: count } = lease
    const partition = count === 1 ? undefined : { subscription, index, count }
    this.#member = environment.log.join({ filter: filter.stored, pollInterval, partition })
  }

  /** Starts no further event. The run finishes the current event and writes the checkpoint. */
  stop(): void {
    this.#stop.abort(new Stopped())
  }

  /** When the last transaction that held the lease in place of the heartbeat ended; infinity while one holds it. */
  get heldUntil(): number {
    return this.#held.heldUntil
  }

  /** How far the partition is behind the log, as this process knows it; `lagTime` in milliseconds. */
  get lag(): { readonly lag: number; readonly lagTime: number } {
    const lag = Math.max(0, this.#environment.log.end - this.#checkpoint.position)
    const recordedAt = this.#delivery.oldestRecordedAt
    return { lag, lagTime: recordedAt === undefined ? 0 : Math.max(0, Date.now() - recordedAt) }
  }

  /** Notes `KeptLeases.parkedRequests`. After each new number, the run reads the parked events once. */
  noteParkedRequests(parkedRequests: number): void {
    if (parkedRequests === this.#parkedRequests) return
    this.#parkedRequests = parkedRequests
    this.#wake()
  }

  /** Drops the running calls at once, without a last write of the checkpoint. */
  abandon(): void {
    this.stop()
    this.#abandon.abort(new Stopped())
  }

  /** @throws the error that the subscription fails with */
  async run(): Promise<'stopped' | 'lost' | UnreadableEventError> {
    try {
      return await this.#retryUntilEnd()
    } finally {
      this.#member.leave()
    }
  }

  async #retryUntilEnd(): Promise<'stopped' | 'lost' | UnreadableEventError> {
    for (let failures = 0; ; failures++) {
      const before = this.#checkpoint.position
      try {
        if (failures > 0) await this.#reloadCheckpoint()
        // An abandoned run ends at once, also while the storage does not answer.
        await abortable(this.#follow(), this.#abandon.signal)
      } catch (error) {
        if (hasCode(error, 'lease-lost')) return 'lost'
        const isStopped = error instanceof Stopped || (this.#stop.signal.aborted && isTransient(error))
        // Without this write, the next owner would handle the events before the stop or the failed event again.
        if (isStopped || !isTransient(error)) await this.#writeLastCheckpoint()
        if (isStopped) return 'stopped'
        if (error instanceof NotUpcast) return error.cause
        if (!isTransient(error)) throw error
        if (this.#checkpoint.position > before) failures = 0
        this.#report.state('retrying', error instanceof Interrupted ? error.cause : error)
        const pause = Math.min(longestPause, shortestPause * 2 ** Math.min(failures, 10))
        const { clock } = this.#environment
        await clock.sleep(pause * (0.5 + Math.random() / 2), this.#stop.signal).catch(() => {})
      }
    }
  }

  /**
   * Moves on to the stored checkpoint if that is higher: the failed call may have committed before the error.
   * @throws LeaseLostError if the subscription was repartitioned: the partition of this number has other streams now
   */
  async #reloadCheckpoint(): Promise<void> {
    const { subscription, partition, partitions } = this.lease
    const checkpoints = await this.#environment.storage.checkpoints(subscription, this.#stop.signal)
    if (checkpoints.length !== partitions) throw new LeaseLostError(subscription, partition)
    const stored = checkpoints.find((checkpoint) => checkpoint.partition === partition)
    if (stored !== undefined) this.#checkpoint.markStored(stored.position)
  }

  /** Never rejects. If the write fails, the next owner handles the events after the stored checkpoint again. */
  async #writeLastCheckpoint(): Promise<void> {
    const { signal } = this.#abandon
    if (!signal.aborted) await abortable(this.#checkpoint.write(), signal).catch(() => {})
  }

  async #follow(): Promise<never> {
    const stop = this.#stop.signal
    const checkpoint = this.#checkpoint
    const { subscription, partition } = this.lease
    await this.#delivery.readBlockedStreams()
    let nextRequest: Promise<LogPage> | undefined
    for (;;) {
      if (stop.aborted) throw new Stopped()
      await this.#deliverParked()
      const page = await abortable(nextRequest ?? this.#requestPage(checkpoint.position), stop)
      if (stop.aborted) throw new Stopped()
      // A new server may have lost the newest events and given their positions to others. This run may have handled
      // the lost ones, so it ends; the next lease starts at the checkpoint that the new server stores.
      if (page.server !== this.lease.server) throw new LeaseLostError(subscription, partition)
      if (page.full) this.#enter('catching-up')
      // At most one page ahead, so that memory is bounded however long the log is.
      nextRequest = page.full ? this.#requestPage(page.through) : undefined
      if (page.full) await this.#yieldToEventLoop()
      await this.#delivery.deliver(this.#withoutSkipped(page.events))
      checkpoint.moveTo(page.through)
      // First the state, then the checkpoint: a caller that `caughtUp` resolves for must see the state 'live'.
      if (!page.full) this.#enter('live')
      // If several partitions share a full page, each has few events of it. Then only the interval decides about a write.
      const { isAwaited } = this.#environment.checkpointWriter
      const writesAtEnd = page.full ? this.lease.partitions === 1 : page.events.length > 0 || isAwaited
      if (writesAtEnd || checkpoint.isDue) checkpoint.requestWrite()
      if (!page.full) await this.#waitForMore(page.through)
    }
  }

  /**
   * Lets the request of the next page leave the process before this page is decoded and handled. With a log in memory
   * and a synchronous handler, it also lets other code of the process run.
   */
  async #yieldToEventLoop(): Promise<void> {
    await this.#environment.clock.sleep(0, this.#stop.signal).catch(() => {})
  }

  #enter(phase: 'catching-up' | 'live'): void {
    this.#phase = phase
    this.#report.state(phase)
  }

  async #deliverParked(): Promise<void> {
    const requests = this.#parkedRequests
    if (requests !== this.#parkedRequestsSeen) {
      if (requests !== 0) await this.#parked.deliver()
      this.#parkedRequestsSeen = requests
    }
    if (this.#hasReportedParked) return
    this.#hasReportedParked = true
    this.#report.parkedHandled()
  }

  /** Leaves out the events that the former partitions have handled, if the subscription was repartitioned. */
  #withoutSkipped(events: readonly RecordedEvent[]): readonly RecordedEvent[] {
    const layers = this.#skip
    if (layers.length === 0) return events
    const isSkipped = ({ streamId, position }: RecordedEvent) =>
      layers.some((layer) => position <= (layer[partitionOf(streamId, layer.length)] as number))
    return events.filter((event) => !isSkipped(event))
  }

  /** Waits until there may be more events, or a request for parked events. */
  async #waitForMore(through: number): Promise<void> {
    if (this.#parkedRequests !== this.#parkedRequestsSeen) return
    const { controller, unlink } = linkedController(this.#stop.signal)
    this.#wake = () => controller.abort(wake)
    const timer = new AbortController()
    if (this.#checkpoint.isBehind) void this.#wakeAfter(longestUnstored, timer.signal)
    try {
      await this.#member.wait(through, controller.signal)
    } catch (error) {
      if (error !== wake) throw error
    } finally {
      this.#wake = () => {}
      timer.abort()
      unlink()
    }
  }

  /** Never rejects. */
  async #wakeAfter(milliseconds: number, signal: AbortSignal): Promise<void> {
    await this.#environment.clock.sleep(milliseconds, signal).then(
      () => this.#wake(),
      () => {},
    )
  }

  #requestPage(after: number): Promise<LogPage> {
    const limit = Math.max(this.#plan.batchSize, eventsPerPage)
    const page = this.#member.read({ after, limit, server: this.lease.server }, this.#stop.signal)
    // `#follow` gets the error when it awaits the page. If it ends before, the rejection must not count as unhandled.
    page.catch(() => {})
    return page
  }
}

/** Whether a retry may succeed, because the error came from the storage. */
function isTransient(error: unknown): boolean {
  return error instanceof Interrupted || isOutage(error)
}
