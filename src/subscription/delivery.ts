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
import { abortable } from '../abort.ts'
import { HandlerTimeoutError, hasCode, InvalidInputError, SubscriptionFailedError } from '../errors.ts'
import type { RecordedEvent } from '../event.ts'
import type { StorageTransaction } from '../projection/storage.ts'
import type { SubscriptionEnvironment } from './environment.ts'
import type { Plan } from './plan.ts'
import type { EventToPark, Lease, ParkedRecord } from './storage.ts'
import type { HandlerContext } from './subscription.ts'

const longestBackoff = 30_000
// While events are handled, the checkpoint is written so often (in milliseconds).
const savingInterval = 200

export interface DeliverySignals {
  /** No further event is to be begun; told to the handler. */
  readonly stop: AbortSignal
  /** What is under way is given up. */
  readonly abandon: AbortSignal
}

export interface DeliveryReport {
  handled(count: number): void
  parked(count: number): void
  /** A try has failed, or succeeded after one that had. */
  trouble(error: unknown): void
}

/** The subscription is stopped; nothing is wrong. */
export class Stopped extends Error {}

/** A transaction failed, not what was done in it: whether it was committed is to be looked up. */
export class Interrupted extends Error {}

type Outcome =
  | { readonly kind: 'handled' }
  | { readonly kind: 'failed'; readonly attempts: number; readonly error: unknown }

/** Outside of a transaction there is no `tx`, and asking for it is a mistake that is told. */
class PlainContext {
  readonly signal: AbortSignal
  readonly attempt: number

  constructor(signal: AbortSignal, attempt: number) {
    this.signal = signal
    this.attempt = attempt
  }

  get tx(): never {
    throw new InvalidInputError(
      'tx',
      'is there only if the subscription is transactional: true',
      'no transaction',
    )
  }
}

export class Delivery {
  readonly #environment: SubscriptionEnvironment
  readonly #plan: Plan
  readonly #lease: Lease
  readonly #signals: DeliverySignals
  readonly #report: DeliveryReport
  /** Streams of which an event is set aside, and later ones have to be, too. */
  #blocked: ReadonlySet<string> = new Set()
  /** Everything up to here is handled. */
  #position: number
  #saved: number
  #saving: Promise<void> | undefined
  #savedAt: number

  constructor(
    environment: SubscriptionEnvironment,
    plan: Plan,
    lease: Lease,
    signals: DeliverySignals,
    report: DeliveryReport,
  ) {
    this.#environment = environment
    this.#plan = plan
    this.#lease = lease
    this.#signals = signals
    this.#report = report
    this.#position = lease.position
    this.#saved = lease.position
    this.#savedAt = environment.clock.now()
  }

  get position(): number {
    return this.#position
  }

  /** Looks up which streams are blocked. */
  async readBlocked(): Promise<void> {
    if (this.#plan.action !== 'block-stream') return
    this.#blocked = new Set(await this.#environment.storage.parkedStreams(this.#lease))
  }

  /** Handles events in their order. @throws Stopped, Interrupted, LeaseLostError, SubscriptionFailedError */
  async deliver(events: readonly RecordedEvent[]): Promise<void> {
    const { handler } = this.#plan
    if (handler.isTransactional || handler.takesBatches) return this.#deliverInCalls(events)
    let context = new PlainContext(this.#signals.stop, 1) as HandlerContext
    let batch: RecordedEvent[] = []
    for (const event of events) {
      if (this.#signals.stop.aborted) throw new Stopped()
      if (this.#blocked.size > 0 && this.#blocked.has(event.streamId)) {
        await this.#parkBlocked(event)
        continue
      }
      batch = [event]
      try {
        const handled =
          this.#plan.handlerTimeout === undefined
            ? handler.handle(batch, context, undefined)
            : this.#invoke(batch, 1)
        // No promise for a handler that has none: a million of them take a second.
        if (isThenable(handled)) await abortable(handled as Promise<void>, this.#signals.abandon)
        this.#position = event.position
        this.#report.handled(1)
      } catch (error) {
        await this.#afterFailure(batch, error)
        context = new PlainContext(this.#signals.stop, 1) as HandlerContext
      }
      if (this.#environment.clock.now() - this.#savedAt > savingInterval) await this.saveSoon()
    }
  }

  async #deliverInCalls(events: readonly RecordedEvent[]): Promise<void> {
    const { takesBatches } = this.#plan.handler
    for (let from = 0; from < events.length; ) {
      if (this.#signals.stop.aborted) throw new Stopped()
      const event = events[from] as RecordedEvent
      if (this.#blocked.has(event.streamId)) {
        await this.#parkBlocked(event)
        from++
        continue
      }
      const call = takesBatches ? this.#unblocked(events, from) : [event]
      from += call.length
      const error = await this.#try(call, 1).then(
        () => undefined,
        (thrown: unknown) => ({ thrown }),
      )
      if (error === undefined) await this.#done(call)
      else if (call.length === 1) await this.#afterFailure(call, error.thrown)
      else await this.#deliverOneByOne(call, error.thrown)
    }
  }

  /** The events from there on up to one that is blocked. */
  #unblocked(events: readonly RecordedEvent[], from: number): readonly RecordedEvent[] {
    const to = events.findIndex(({ streamId }, index) => index > from && this.#blocked.has(streamId))
    return events.slice(from, to < 0 ? events.length : to)
  }

  /** After a batch has failed: which event is at fault? */
  async #deliverOneByOne(events: readonly RecordedEvent[], error: unknown): Promise<void> {
    this.#rethrowOthers(error)
    this.#report.trouble(error)
    for (const event of events) {
      if (this.#signals.stop.aborted) throw new Stopped()
      if (this.#blocked.has(event.streamId)) {
        await this.#parkBlocked(event)
        continue
      }
      try {
        await this.#try([event], 1)
        await this.#done([event])
      } catch (thrown) {
        await this.#afterFailure([event], thrown)
      }
    }
  }

  async #done(events: readonly RecordedEvent[]): Promise<void> {
    this.#position = (events.at(-1) as RecordedEvent).position
    if (this.#plan.handler.isTransactional) this.#saved = this.#position
    else if (this.#environment.clock.now() - this.#savedAt > savingInterval) await this.saveSoon()
    this.#report.handled(events.length)
  }

  /** The first try of an event has failed: what then. */
  async #afterFailure(events: readonly RecordedEvent[], error: unknown): Promise<void> {
    const event = events[0] as RecordedEvent
    const outcome = await this.#retry(error, (attempt) => this.#try(events, attempt))
    if (outcome.kind === 'handled') return this.#done(events)
    const { action, name } = this.#plan
    if (action === 'stop') throw new SubscriptionFailedError(name, event.position, outcome.error)
    await this.#park(toPark(event, 'parked', outcome.attempts, outcome.error))
    this.#report.parked(1)
    if (action === 'block-stream') this.#blocked = new Set([...this.#blocked, event.streamId])
  }

  async #parkBlocked(event: RecordedEvent): Promise<void> {
    // Somebody may have freed the stream meanwhile.
    await this.readBlocked()
    if (!this.#blocked.has(event.streamId)) return this.#deliverInCalls([event])
    await this.#park(toPark(event, 'blocked', 0, undefined))
  }

  async #park(event: EventToPark): Promise<void> {
    await this.#saving
    await this.#environment.storage.park(this.#lease, [event], event.position)
    this.#position = event.position
    this.#saved = event.position
  }

  /** Tries again after pauses, until it succeeds or was tried often enough. */
  async #retry(error: unknown, again: (attempt: number) => Promise<void>): Promise<Outcome> {
    const { retries, backoff } = this.#plan
    let last = error
    for (let attempt = 1; ; attempt++) {
      this.#rethrowOthers(last)
      this.#report.trouble(last)
      if (attempt > retries) return { kind: 'failed', attempts: attempt, error: last }
      const pause = Math.min(longestBackoff, backoff * 2 ** (attempt - 1))
      await this.#sleep(pause * (0.5 + Math.random() / 2))
      try {
        await again(attempt + 1)
        return { kind: 'handled' }
      } catch (thrown) {
        last = thrown
      }
    }
  }

  /** What is not the handler's failure to handle the event. */
  #rethrowOthers(error: unknown): void {
    if (this.#signals.abandon.aborted) throw this.#signals.abandon.reason
    if (error instanceof Interrupted || hasCode(error, 'lease-lost')) throw error
    if (hasCode(error, 'projection-version'))
      throw new SubscriptionFailedError(this.#plan.name, undefined, error)
    // A handler that was told to stop and gives up has not failed.
    if (this.#signals.stop.aborted) throw new Stopped()
  }

  async #sleep(milliseconds: number): Promise<void> {
    await this.#environment.clock.sleep(milliseconds, this.#signals.stop).catch(() => {
      throw new Stopped()
    })
  }

  /** One call of the handler, with its checkpoint if it is transactional. */
  async #try(events: readonly RecordedEvent[], attempt: number): Promise<void> {
    const { position } = events.at(-1) as RecordedEvent
    await this.#inTransaction(
      (transaction) => this.#invoke(events, attempt, transaction),
      (transaction) => transaction.advance(this.#lease, position),
    )
  }

  async #inTransaction(
    work: (transaction: StorageTransaction | undefined) => Promise<void> | void,
    end: (transaction: StorageTransaction) => Promise<void>,
  ): Promise<void> {
    const { handler } = this.#plan
    if (!handler.isTransactional) return work(undefined)
    await handler.prepare()
    let failure: { readonly thrown: unknown } | undefined
    try {
      await this.#environment.storage.transaction('Handling events', async (transaction) => {
        try {
          await work(transaction)
        } catch (thrown) {
          failure = { thrown }
          throw thrown
        }
        await end(transaction)
      })
    } catch (error) {
      // What the handler threw comes out as it is; anything else is the transaction's own failure.
      if (failure?.thrown === error || !hasCode(error, 'store-unavailable')) throw error
      throw new Interrupted('the transaction was interrupted', { cause: error })
    }
  }

  #invoke(
    events: readonly RecordedEvent[],
    attempt: number,
    transaction?: StorageTransaction,
  ): Promise<void> {
    const { handler, handlerTimeout } = this.#plan
    const { stop, abandon } = this.#signals
    const call = async (signal: AbortSignal) => {
      const context = transaction
        ? { signal, attempt, tx: transaction.user }
        : (new PlainContext(signal, attempt) as HandlerContext)
      await handler.handle(events, context, transaction)
    }
    if (handlerTimeout === undefined) return abortable(call(stop), abandon)
    const timeout = new AbortController()
    const timer = setTimeout(() => timeout.abort(new HandlerTimeoutError(handlerTimeout)), handlerTimeout)
    const work = call(AbortSignal.any([stop, timeout.signal]))
    return abortable(abortable(work, timeout.signal), abandon).finally(() => clearTimeout(timer))
  }

  /** Handles what was set aside and is to be handled now. */
  async deliverParked(): Promise<void> {
    const { storage } = this.#environment
    for (;;) {
      const [record] = await storage.parkedToHandle(this.#lease, 1)
      if (record === undefined) break
      if (this.#signals.stop.aborted) throw new Stopped()
      await this.#deliverRecord(record)
    }
    await this.readBlocked()
  }

  async #deliverRecord(record: ParkedRecord): Promise<void> {
    const { storage } = this.#environment
    const { position } = record
    const whole = {
      types: undefined,
      streamPrefix: undefined,
      tags: undefined,
      partition: undefined,
    } as const
    const query = { ...whole, after: position - 1, until: position, direction: 'forward', limit: 1 } as const
    const event = (await storage.readLog(query)).events[0] as RecordedEvent
    const again = async (attempt: number) => {
      await this.#inTransaction(
        (transaction) => this.#invoke([event], attempt, transaction),
        (transaction) => transaction.unpark(this.#lease, position),
      )
      if (this.#plan.handler.isTransactional) return
      await storage.transaction('Forgetting a parked event', (transaction) =>
        transaction.unpark(this.#lease, position),
      )
    }
    const outcome = await again(1).then(
      (): Outcome => ({ kind: 'handled' }),
      (error: unknown) => this.#retry(error, again),
    )
    if (outcome.kind === 'handled') {
      this.#report.handled(1)
      return
    }
    const attempts = record.attempts + outcome.attempts
    await storage.parkAgain(this.#lease, toPark(event, 'parked', attempts, outcome.error))
    this.#report.parked(1)
  }

  /** Everything up to this position is handled, or not asked for. */
  pass(position: number): void {
    this.#position = Math.max(this.#position, position)
  }

  /** Begins to write the checkpoint, once the write before is over. */
  async saveSoon(): Promise<void> {
    await this.#saving
    if (this.#position <= this.#saved) return
    const position = this.#position
    this.#savedAt = this.#environment.clock.now()
    const saving = this.#environment.storage.advance(this.#lease, position).then(() => {
      this.#saved = Math.max(this.#saved, position)
    })
    // Who waits for it next is told if it fails.
    saving.catch(() => {})
    this.#saving = saving
  }

  /** Writes the checkpoint. */
  async save(): Promise<void> {
    await this.saveSoon()
    await this.#saving
  }

  /** Whether the checkpoint is so old that it is worth to be written although nothing was handled. */
  get isSavingDue(): boolean {
    return this.#position > this.#saved && this.#environment.clock.now() - this.#savedAt > savingInterval
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function toPark(
  { position, streamId, id, type }: RecordedEvent,
  state: 'parked' | 'blocked',
  attempts: number,
  error: unknown,
): EventToPark {
  const described = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return {
    position,
    streamId,
    eventId: id,
    type,
    state,
    attempts,
    // A text that any database can hold.
    error: state === 'blocked' ? 'an earlier event of its stream is parked' : clean(described),
    stack: error instanceof Error && error.stack !== undefined ? clean(error.stack) : undefined,
  }
}

function clean(text: string): string {
  return text.replaceAll('\0', '\\0').toWellFormed().slice(0, 100_000)
}
