/**
 * Handing events to a handler: one call after the other, again when it fails, and aside or not at all when it keeps
 * failing. What is handled is told to the checkpoint:
 *
 *     transactional    handler and checkpoint in one transaction, for each call
 *     otherwise        the checkpoint later, for many calls at once; never for an event that is not handled
 *
 * A transaction that fails may have been committed all the same, if the connection was lost in between: the stored
 * checkpoint tells.
 */
import { hasCode, SubscriptionFailedError } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import { ProjectionMovedError } from '../projection/async.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { EventToPark, Lease } from '../storage/subscriptions.ts'
import type { Checkpoint } from './checkpoint.ts'
import {
  type EndOfTransaction,
  HandlerCalls,
  Interrupted,
  interrupted,
  type RunSignals,
} from './handler-calls.ts'
import { toPark } from './parking.ts'
import type { Plan } from './plan.ts'
import type { Progress } from './progress.ts'

const longestBackoff = 30_000

/** What a delivery reports of its state. */
export interface DeliveryReport {
  /** A call of the handler has failed, and the delivery tries again. */
  retrying(error: unknown): void
  /** A retry has succeeded. */
  recovered(): void
  /** An event was parked. */
  parking(): void
}

/** The subscription is stopped; nothing is wrong. */
export class Stopped extends Error {}

export type Outcome =
  | { readonly kind: 'handled' }
  | { readonly kind: 'failed'; readonly failures: number; readonly error: unknown }

export class Delivery {
  readonly #environment: EngineEnvironment
  readonly #plan: Plan
  readonly #lease: Lease
  readonly #checkpoint: Checkpoint
  readonly #signals: RunSignals
  readonly #progress: Progress
  readonly #report: DeliveryReport
  readonly #calls: HandlerCalls
  /** How many events a call takes: fewer, once the storage has found a transaction too large. */
  #batchSize: number
  /** Streams of which an event is set aside, and later ones have to be, too. */
  #blocked: Set<string> = new Set()

  constructor(
    environment: EngineEnvironment,
    plan: Plan,
    lease: Lease,
    checkpoint: Checkpoint,
    signals: RunSignals,
    progress: Progress,
    report: DeliveryReport,
  ) {
    this.#environment = environment
    this.#plan = plan
    this.#lease = lease
    this.#checkpoint = checkpoint
    this.#signals = signals
    this.#progress = progress
    this.#report = report
    this.#batchSize = plan.batchSize
    this.#calls = new HandlerCalls(environment, plan, signals)
  }

  /** Looks up which streams are blocked. */
  async readBlocked(): Promise<void> {
    if (this.#plan.action !== 'block-stream') return
    this.#blocked = new Set(await this.#environment.storage.parkedStreams(this.#lease, this.#signals.abandon))
  }

  /** Handles events in their order. @throws Stopped, Interrupted, LeaseLostError, SubscriptionFailedError */
  async deliver(events: readonly RecordedEvent[]): Promise<void> {
    const { takesBatches, isTransactional } = this.#plan.handler
    if (takesBatches) await this.#deliverBatches(events)
    else if (isTransactional) await this.#deliverEach(events)
    else await this.#deliverPlainly(events)
  }

  async #deliverPlainly(events: readonly RecordedEvent[]): Promise<void> {
    const { stop } = this.#signals
    for (const event of events) {
      if (stop.aborted) throw new Stopped()
      if (this.#blocked.size > 0 && (await this.#parkIfBlocked(event))) continue
      try {
        const handling = this.#calls.handleFirst(event)
        if (handling !== undefined) await handling
      } catch (error) {
        await this.#afterFailure(event, error)
        continue
      }
      this.#checkpoint.moveTo(event.position)
      this.#progress.handled++
      if (this.#checkpoint.isDue) this.#checkpoint.writeSoon()
    }
  }

  async #deliverBatches(events: readonly RecordedEvent[]): Promise<void> {
    for (let from = 0; from < events.length; ) {
      if (this.#signals.stop.aborted) throw new Stopped()
      const next = events[from] as RecordedEvent
      if (await this.#parkIfBlocked(next)) {
        from++
        continue
      }
      const batch = this.#nextBatch(events, from)
      from += batch.length
      try {
        await this.#handle(batch, 1)
      } catch (error) {
        if (batch.length === 1) {
          await this.#afterFailure(next, error)
        } else if (hasCode(error, 'append-too-large')) {
          this.#batchSize = batch.length >> 1
          from -= batch.length
        } else {
          // Which event is at fault?
          this.#rethrowOthers(error)
          this.#report.retrying(error)
          await this.#deliverEach(batch)
        }
        continue
      }
      this.#done(batch)
    }
  }

  async #deliverEach(events: readonly RecordedEvent[]): Promise<void> {
    for (const event of events) {
      if (this.#signals.stop.aborted) throw new Stopped()
      if (await this.#parkIfBlocked(event)) continue
      try {
        await this.#handle([event], 1)
      } catch (error) {
        await this.#afterFailure(event, error)
        continue
      }
      this.#done([event])
    }
  }

  /** As many events from there on as a call takes, up to one that is blocked. */
  #nextBatch(events: readonly RecordedEvent[], from: number): readonly RecordedEvent[] {
    const batch = events.slice(from, from + this.#batchSize)
    if (this.#blocked.size === 0) return batch
    const blocked = batch.findIndex(({ streamId }, index) => index > 0 && this.#blocked.has(streamId))
    return blocked < 0 ? batch : batch.slice(0, blocked)
  }

  /** One try, with the checkpoint if it is transactional. */
  #handle(events: readonly RecordedEvent[], attempt: number): Promise<void> {
    const { position } = events.at(-1) as RecordedEvent
    return this.#calls.handle(events, attempt, (transaction) => transaction.advance(this.#lease, position))
  }

  #done(events: readonly RecordedEvent[]): void {
    const { position } = events.at(-1) as RecordedEvent
    if (this.#plan.handler.isTransactional) {
      this.#checkpoint.storedUpTo(position)
    } else {
      this.#checkpoint.moveTo(position)
      if (this.#checkpoint.isDue) this.#checkpoint.writeSoon()
    }
    this.#progress.handled += events.length
  }

  /** The first try of an event has failed: what then. */
  async #afterFailure(event: RecordedEvent, error: unknown): Promise<void> {
    const outcome = await this.#retry(error, (attempt) => this.#handle([event], attempt))
    if (outcome.kind === 'handled') return this.#done([event])
    const { action, name } = this.#plan
    if (action === 'stop') throw new SubscriptionFailedError(name, event.position, outcome.error)
    await this.#park(toPark(event, 'parked', outcome.failures, outcome.error))
    if (action === 'block-stream') this.#blocked.add(event.streamId)
  }

  async #parkIfBlocked(event: RecordedEvent): Promise<boolean> {
    if (!this.#blocked.has(event.streamId)) return false
    // Somebody may have freed the stream meanwhile.
    await this.readBlocked()
    if (!this.#blocked.has(event.streamId)) return false
    await this.#park(toPark(event, 'blocked', 0, undefined))
    return true
  }

  async #park(event: EventToPark): Promise<void> {
    const { position } = event
    await this.#environment.storage.park(this.#lease, [event], position, this.#signals.abandon)
    this.#checkpoint.storedUpTo(position)
    this.#progress.parked++
    this.#report.parking()
  }

  /** Handles an event that was set aside; `end` forgets that it was. */
  async handleAgain(event: RecordedEvent, end: EndOfTransaction): Promise<Outcome> {
    const again = async (attempt: number) => {
      await this.#calls.handle([event], attempt, end)
      if (this.#plan.handler.isTransactional) return
      const { storage } = this.#environment
      await storage.transaction('Forgetting a parked event', end, this.#signals.abandon).catch(interrupted)
    }
    try {
      await again(1)
      return { kind: 'handled' }
    } catch (error) {
      return this.#retry(error, again)
    }
  }

  /** Tries again after pauses, until it succeeds or was tried often enough. */
  async #retry(error: unknown, again: (attempt: number) => Promise<void>): Promise<Outcome> {
    const { retries, backoff } = this.#plan
    let last = error
    for (let attempt = 1; ; attempt++) {
      this.#rethrowOthers(last)
      this.#report.retrying(last)
      if (attempt > retries) return { kind: 'failed', failures: attempt, error: last }
      const pause = Math.min(longestBackoff, backoff * 2 ** (attempt - 1))
      await this.#sleep(pause * (0.5 + Math.random() / 2))
      try {
        await again(attempt + 1)
        this.#report.recovered()
        return { kind: 'handled' }
      } catch (thrown) {
        last = thrown
      }
    }
  }

  /** What is not the handler's failure to handle the event. */
  #rethrowOthers(error: unknown): void {
    const { stop, abandon } = this.#signals
    if (abandon.aborted) throw abandon.reason
    if (error instanceof Interrupted || hasCode(error, 'lease-lost')) throw error
    if (error instanceof ProjectionMovedError) throw new Interrupted(error.message, { cause: error })
    if (hasCode(error, 'projection-version')) {
      throw new SubscriptionFailedError(this.#plan.name, undefined, error)
    }
    // A handler that was told to stop and gives up has not failed.
    if (stop.aborted) throw new Stopped()
  }

  async #sleep(milliseconds: number): Promise<void> {
    const { stop } = this.#signals
    await this.#environment.clock.sleep(milliseconds, stop).catch(() => {})
    if (stop.aborted) throw new Stopped()
  }
}
