/**
 * Passes events to the handler, one call after the other. Retries a failed event; after the last retry it parks the
 * event or fails the subscription. Moves the checkpoint over handled and parked events only:
 *
 *     transactional    each call moves the stored checkpoint in its own transaction
 *     otherwise        one later write stores the checkpoint for many calls
 *
 * If the connection breaks during a commit, the transaction may have been committed all the same. The worker then reads
 * the stored checkpoint.
 */
import { hasCode, isOutage, LeaseLostError, SubscriptionFailedError } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import type { EventFilter } from '../input/event-filter.ts'
import { refuse } from '../input/refusal.ts'
import { copyOfEvent } from '../log/event-copy.ts'
import { ProjectionMovedError } from '../projection/async.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import { type Partition, wholeLog } from '../storage/log-query.ts'
import type { EventToPark, Lease } from '../storage/subscriptions.ts'
import type { Checkpoint } from './checkpoint.ts'
import {
  type BeforeCommit,
  HandlerCalls,
  type HeldLease,
  Interrupted,
  type RunSignals,
  rethrowAsInterrupted,
} from './handler-calls.ts'
import { eventToPark } from './parking.ts'
import type { Plan } from './plan.ts'
import type { Progress } from './progress.ts'
import type { FailedCall } from './subscription.ts'
import { eventToday, NotUpcast } from './todays-events.ts'

// The longest pause between two attempts, in milliseconds.
const longestBackoff = 30_000

/** Receives the changes of a delivery's state. */
export interface DeliveryReport {
  /**
   * A call of the handler has failed. A retry follows, or the error policy applies. `call` is undefined for a batch of
   * several events.
   */
  retrying(error: unknown, call: FailedCall | undefined): void
  /** A retry has succeeded. */
  recovered(): void
  /** An event was parked. `attempt`: the last call that failed, 0 if the handler was not called. */
  parking(error: unknown, call: FailedCall): void
}

/** Ends the work of a partition after a normal stop. It is not an error of the subscription. */
export class Stopped extends Error {}

/** `failures`: how many calls of the handler failed. `event`: as it is stored. */
export type Outcome =
  | { readonly kind: 'handled' }
  | {
      readonly kind: 'failed'
      readonly event: RecordedEvent
      readonly failures: number
      readonly error: unknown
    }

export class Delivery {
  readonly #environment: EngineEnvironment
  readonly #plan: Plan
  readonly #lease: Lease
  readonly #checkpoint: Checkpoint
  readonly #signals: RunSignals
  readonly #progress: Progress
  readonly #report: DeliveryReport
  readonly #calls: HandlerCalls
  /** The events that were passed to `deliver` last. */
  #page: readonly RecordedEvent[] = []
  /** The largest number of events in one call. It is halved when the storage refuses a transaction as too large. */
  #batchSize: number
  /**
   * Streams with a parked event, each with the position of its last one: with 'block-stream', their later events must
   * be parked too.
   */
  #blockedStreams: Map<string, number> = new Map()

  constructor(
    environment: EngineEnvironment,
    plan: Plan,
    held: HeldLease,
    checkpoint: Checkpoint,
    signals: RunSignals,
    progress: Progress,
    report: DeliveryReport,
  ) {
    this.#environment = environment
    this.#plan = plan
    this.#lease = held.lease
    this.#checkpoint = checkpoint
    this.#signals = signals
    this.#progress = progress
    this.#report = report
    this.#batchSize = plan.batchSize
    this.#calls = new HandlerCalls(environment, plan, held, signals)
  }

  /** Reads which streams are blocked from the storage. */
  async readBlockedStreams(): Promise<void> {
    if (this.#plan.action !== 'block-stream') return
    const streams = await this.#environment.storage.parkedStreams(this.#lease, this.#signals.abandon)
    this.#blockedStreams = new Map(streams.map(({ streamId, position }) => [streamId, position]))
  }

  /** Handles events in their order. @throws Stopped, Interrupted, NotUpcast, LeaseLostError or SubscriptionFailedError */
  async deliver(events: readonly RecordedEvent[]): Promise<void> {
    this.#page = events
    const { takesBatches, isTransactional } = this.#plan.handler
    if (takesBatches) await this.#deliverBatches(events)
    else if (isTransactional) await this.#deliverEach(events)
    else await this.#deliverWithoutTransactions(events)
  }

  /** When the oldest event was recorded that is not handled yet, in milliseconds; undefined if there is none. */
  get oldestRecordedAt(): number | undefined {
    const { position } = this.#checkpoint
    return this.#page.find((event) => event.position > position)?.recordedAt.getTime()
  }

  /** The fast path: a synchronous handler costs no promise for each event. */
  async #deliverWithoutTransactions(events: readonly RecordedEvent[]): Promise<void> {
    const { stop } = this.#signals
    for (const event of events) {
      if (stop.aborted) throw new Stopped()
      if (this.#blockedStreams.size > 0 && (await this.#parkIfBlocked(event))) continue
      // The handler may change its event.
      const { position } = event
      try {
        const call = this.#calls.handleFirstAttempt(event)
        if (call !== undefined) await call
      } catch (error) {
        await this.#afterFailure(position, error)
        continue
      }
      this.#checkpoint.moveTo(position)
      this.#progress.handled++
      if (this.#checkpoint.isDue) this.#checkpoint.requestWrite()
    }
  }

  async #deliverBatches(page: readonly RecordedEvent[]): Promise<void> {
    const events = [...page]
    /** The index of an event that cannot be read: no batch has it together with others. */
    let unreadable: number | undefined
    for (let from = 0; from < events.length; ) {
      if (unreadable !== undefined && unreadable < from) unreadable = undefined
      if (this.#signals.stop.aborted) throw new Stopped()
      const next = events[from] as RecordedEvent
      if (await this.#parkIfBlocked(next)) {
        from++
        continue
      }
      const batch = this.#nextBatch(events, from, unreadable === from ? from + 1 : unreadable)
      // The handler may change its events.
      const positions = batch.map(({ position }) => position)
      from += batch.length
      try {
        await this.#attempt(batch, 1)
      } catch (error) {
        if (batch.length === 1) {
          await this.#afterFailure(positions[0] as number, error)
        } else if (error instanceof NotUpcast || hasCode(error, 'append-too-large')) {
          from -= batch.length
          if (error instanceof NotUpcast) unreadable = from + positions.indexOf(error.cause.position)
          else this.#batchSize = batch.length >> 1
          for (const [index, event] of (await this.#recordedBatch(positions)).entries()) {
            events[from + index] = event
          }
        } else {
          // Each event gets a call of its own, to find the event at fault.
          this.#throwUnlessHandlerFailed(error)
          this.#report.retrying(error, undefined)
          await this.#deliverEach(await this.#recordedBatch(positions))
        }
        continue
      }
      this.#noteHandled(positions)
    }
  }

  async #deliverEach(events: readonly RecordedEvent[]): Promise<void> {
    for (const event of events) {
      if (this.#signals.stop.aborted) throw new Stopped()
      if (await this.#parkIfBlocked(event)) continue
      const { position } = event
      try {
        await this.#attempt([event], 1)
      } catch (error) {
        await this.#afterFailure(position, error)
        continue
      }
      this.#noteHandled([position])
    }
  }

  /**
   * The events for the next call: at most a batch, up to the index `end` (exclusive), and none of a blocked stream after the
   * first event.
   */
  #nextBatch(
    events: readonly RecordedEvent[],
    from: number,
    end: number = events.length,
  ): readonly RecordedEvent[] {
    const batch = events.slice(from, Math.min(from + this.#batchSize, end))
    if (this.#blockedStreams.size === 0) return batch
    const blocked = batch.findIndex(({ streamId }, index) => index > 0 && this.#blockedStreams.has(streamId))
    return blocked < 0 ? batch : batch.slice(0, blocked)
  }

  /** Calls the handler once. A transactional handler moves the stored checkpoint in the same transaction. */
  #attempt(events: readonly RecordedEvent[], attempt: number): Promise<void> {
    const { position } = events.at(-1) as RecordedEvent
    return this.#calls.handle(events, attempt, (transaction) => transaction.advance(this.#lease, position))
  }

  /** Moves the checkpoint over events that the handler has handled, and counts them. */
  #noteHandled(positions: readonly number[]): void {
    const position = positions.at(-1) as number
    if (this.#plan.handler.isTransactional) {
      this.#checkpoint.markStored(position)
    } else {
      this.#checkpoint.moveTo(position)
      if (this.#checkpoint.isDue) this.#checkpoint.requestWrite()
    }
    this.#progress.handled += positions.length
  }

  /** Called after the first attempt for an event has failed: retries, then applies the error policy. */
  async #afterFailure(position: number, error: unknown): Promise<void> {
    const outcome = await this.#retry(position, error, (event, attempt) => this.#attempt([event], attempt))
    if (outcome.kind === 'handled') return this.#noteHandled([position])
    const { action, name } = this.#plan
    if (action === 'stop') throw new SubscriptionFailedError(name, position, outcome.error)
    const { event, failures } = outcome
    await this.#park(eventToPark(event, 'parked', failures, outcome.error))
    this.#report.parking(outcome.error, { event: this.eventToday(event), attempt: failures })
    if (action === 'block-stream') this.#blockedStreams.set(event.streamId, position)
  }

  async #parkIfBlocked(event: RecordedEvent): Promise<boolean> {
    if (!(await this.#isBlocked(event.streamId))) return false
    await this.#park(eventToPark(event, 'blocked', 0, undefined))
    this.#blockedStreams.set(event.streamId, event.position)
    this.#report.parking(undefined, { event: this.eventToday(event), attempt: 0 })
    return true
  }

  /** Asks the storage too: a call of `skip` may have unblocked the stream. Reads one record if it has not. */
  async #isBlocked(streamId: string): Promise<boolean> {
    const position = this.#blockedStreams.get(streamId)
    if (position === undefined) return false
    const { storage } = this.#environment
    const { subscription } = this.#lease
    const [record] = await storage.listParked(subscription, position - 1, 1, this.#signals.abandon)
    if (record?.position === position) return true
    await this.readBlockedStreams()
    return this.#blockedStreams.has(streamId)
  }

  async #park(event: EventToPark): Promise<void> {
    const { position } = event
    await this.#environment.storage.park(this.#lease, [event], position, this.#signals.abandon)
    this.#checkpoint.markStored(position)
    this.#progress.parked++
    const { observation } = this.#environment
    observation?.measure?.({ kind: 'park', subscription: this.#plan.name, position })
  }

  /** Returns an event as the handler gets it, for reports. The next attempt needs it unchanged, and upcasts may change it. */
  eventToday(event: RecordedEvent): RecordedEvent {
    return eventToday(this.#plan.filter, copyOfEvent(event))
  }

  /** Handles a parked event. `unpark` removes it from the storage, in the handler's transaction or after it. */
  async handleParked(event: RecordedEvent, unpark: BeforeCommit): Promise<Outcome> {
    const { position } = event
    const handle = async (event: RecordedEvent, attempt: number) => {
      await this.#calls.handle([event], attempt, unpark)
      if (this.#plan.handler.isTransactional) return
      const { storage } = this.#environment
      await storage
        .transaction('Forgetting a parked event', unpark, this.#signals.abandon)
        .catch(rethrowAsInterrupted)
    }
    try {
      await handle(event, 1)
      return { kind: 'handled' }
    } catch (error) {
      return this.#retry(position, error, handle)
    }
  }

  /**
   * Retries after a first failure, with growing pauses, until an attempt succeeds or the retries are used up. Each
   * attempt gets the event as it was recorded.
   */
  async #retry(
    position: number,
    error: unknown,
    handle: (event: RecordedEvent, attempt: number) => Promise<void>,
  ): Promise<Outcome> {
    const { retries, backoff } = this.#plan
    this.#throwUnlessHandlerFailed(error)
    const event = await this.#recordedEvent(position, error)
    // An upcast is a pure function, so a retry would fail too.
    if (error instanceof NotUpcast) return { kind: 'failed', event, failures: 0, error: error.cause }
    let last = error
    for (let attempt = 1; ; attempt++) {
      this.#throwUnlessHandlerFailed(last)
      const call = { event: this.eventToday(event), attempt }
      this.#report.retrying(last, call)
      if (attempt > retries || !this.#mayRetry(last, call)) {
        return { kind: 'failed', event, failures: attempt, error: last }
      }
      const pause = Math.min(longestBackoff, backoff * 2 ** (attempt - 1))
      await this.#sleep(pause * (0.5 + Math.random() / 2))
      try {
        await handle(copyOfEvent(event), attempt + 1)
        this.#report.recovered()
        return { kind: 'handled' }
      } catch (thrown) {
        last = thrown
      }
    }
  }

  /**
   * Returns the event as it was recorded. If the failed call has cost the store its only connection, the error of that call
   * fails the subscription: it says why nothing can be read any more.
   */
  async #recordedEvent(position: number, error: unknown): Promise<RecordedEvent> {
    try {
      return (await this.#recorded([position], {}))[0] as RecordedEvent
    } catch (thrown) {
      const isConnectionLost = hasCode(thrown, 'store-unavailable') && !isOutage(thrown)
      throw isConnectionLost ? new SubscriptionFailedError(this.#plan.name, position, error) : thrown
    }
  }

  /** Reads the events of a batch again. */
  #recordedBatch(positions: readonly number[]): Promise<readonly RecordedEvent[]> {
    const { partition: index, partitions: count } = this.#lease
    return this.#recorded(positions, { ...this.#plan.filter.stored, partition: { index, count } })
  }

  /** Reads events again, after a call of the handler that may have changed its own has failed. */
  async #recorded(
    positions: readonly number[],
    filter: EventFilter & { readonly partition?: Partition },
  ): Promise<readonly RecordedEvent[]> {
    const { storage } = this.#environment
    const { subscription, partition, server } = this.#lease
    const wanted = new Set(positions)
    const [first, until] = [positions[0] as number, positions.at(-1) as number]
    const found: RecordedEvent[] = []
    for (let after = first - 1; after < until; ) {
      const query = { ...wholeLog, ...filter, after, until, limit: positions.length }
      const page = await storage.readLogPage(query, this.#signals.abandon)
      if (page.server !== server) throw new LeaseLostError(subscription, partition)
      for (const event of page.events) if (wanted.has(event.position)) found.push(event)
      if (!page.full) break
      after = page.through
    }
    if (found.length < positions.length) throw new Interrupted('the log has lost events')
    return found
  }

  /** Asks the user's `retryIf`. @throws SubscriptionFailedError if that throws, or does not return true or false */
  #mayRetry(error: unknown, call: FailedCall): boolean {
    const { retryIf, name } = this.#plan
    if (retryIf === undefined) return true
    try {
      const answer: unknown = retryIf(error, call)
      if (typeof answer !== 'boolean') refuse('onError.retryIf', 'must return true or false', answer)
      return answer
    } catch (thrown) {
      throw new SubscriptionFailedError(name, call.event.position, thrown)
    }
  }

  /** Throws unless the error means that the handler failed to handle the event, so that a retry makes sense. */
  #throwUnlessHandlerFailed(error: unknown): void {
    const { stop, abandon } = this.#signals
    if (abandon.aborted) throw abandon.reason
    if (error instanceof Interrupted || hasCode(error, 'lease-lost')) throw error
    // A newer process can read the event, so it is neither parked nor a failure.
    if (error instanceof NotUpcast && error.cause.needsNewerProcess) throw error
    if (error instanceof ProjectionMovedError) throw new Interrupted(error.message, { cause: error })
    if (hasCode(error, 'projection-version')) {
      throw new SubscriptionFailedError(this.#plan.name, undefined, error)
    }
    // The handler's signal is aborted. A handler that throws because of that has not failed.
    if (stop.aborted) throw new Stopped()
  }

  async #sleep(milliseconds: number): Promise<void> {
    const { stop } = this.#signals
    await this.#environment.clock.sleep(milliseconds, stop).catch(() => {})
    if (stop.aborted) throw new Stopped()
  }
}
