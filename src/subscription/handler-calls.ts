/**
 * Calls a handler once, inside a transaction that also moves the checkpoint, or without a transaction. Enforces the
 * handler's timeout, and abandons the call when the worker abandons its partition.
 */
import { HandlerTimeoutError, InvalidInputError, isOutage } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import type { Observation } from '../observe/observation.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { StorageTransaction } from '../storage/projections.ts'
import type { Lease } from '../storage/subscriptions.ts'
import { observeAttempt } from './observed-attempt.ts'
import type { Plan } from './plan.ts'
import type { HandlerContext } from './subscription.ts'

export interface RunSignals {
  /** Aborted when the worker must start no further event. The handler receives it as `context.signal`. */
  readonly stop: AbortSignal
  /** Aborted when the worker must drop its running calls at once, without waiting for them. */
  readonly abandon: AbortSignal
}

/**
 * The transaction failed, not the handler. It may have been committed all the same if the connection broke during the
 * commit: the worker reads the stored checkpoint to find out.
 */
export class Interrupted extends Error {}

/** The last statements of the handler's transaction: they move the checkpoint, or remove a parked event. */
export type BeforeCommit = (transaction: StorageTransaction) => Promise<void>

/** The lease of the calls. A transaction may hold it in place of the heartbeat. */
export interface HeldLease {
  readonly lease: Lease
  /**
   * When the last transaction that held the lease ended; infinity while one holds it, minus infinity before the first.
   * No other worker can take a held lease, however long ago it was renewed.
   */
  heldUntil: number
}

/** The context of a handler without a transaction: reading `tx` is a mistake in the handler, so it throws. */
export class PlainContext implements HandlerContext {
  readonly signal: AbortSignal
  readonly attempt: number

  constructor(signal: AbortSignal, attempt: number) {
    this.signal = signal
    this.attempt = attempt
  }

  get tx(): never {
    const problem = 'is there only if the subscription is transactional: true'
    throw new InvalidInputError('tx', problem, 'no transaction')
  }
}

export class HandlerCalls {
  readonly #environment: EngineEnvironment
  readonly #plan: Plan
  readonly #held: HeldLease
  readonly #signals: RunSignals
  readonly #firstAttempt: HandlerContext
  readonly #turn = { number: 0 }
  #rejectCall = (_: unknown) => {}
  #abortHandler = (_: unknown) => {}

  constructor(environment: EngineEnvironment, plan: Plan, held: HeldLease, signals: RunSignals) {
    this.#held = held
    this.#environment = environment
    this.#plan = plan
    this.#signals = signals
    this.#firstAttempt = new PlainContext(signals.stop, 1)
    const { stop, abandon } = signals
    // One listener for all calls: adding a listener for each call would take longer than the rest of the call.
    const endCall = () => {
      this.#turn.number++
      this.#rejectCall(abandon.reason)
    }
    abandon.addEventListener('abort', endCall, { once: true })
    stop.addEventListener('abort', () => this.#abortHandler(stop.reason), { once: true })
  }

  /**
   * The first attempt for one event, without a transaction. Returns no promise if the handler is synchronous, because a
   * million promises take a second.
   */
  handleFirstAttempt(event: RecordedEvent): Promise<void> | undefined {
    const { observation } = this.#environment
    if (observation === undefined) return this.#handleFirstAttempt(event)
    return this.#observe(observation, [event], 1, async () => this.#handleFirstAttempt(event))
  }

  #handleFirstAttempt(event: RecordedEvent): Promise<void> | undefined {
    const { handler, handlerTimeout } = this.#plan
    if (handlerTimeout !== undefined) return this.#invoke([event], 1, undefined)
    const handled = handler.handle([event], this.#firstAttempt, undefined, this.#turn)
    return isThenable(handled) ? this.#unlessAbandoned(handled) : undefined
  }

  /**
   * One attempt. If the handler is transactional, `beforeCommit` runs after it, in the same transaction.
   * @throws the error of the handler
   * @throws LeaseLostError if another worker owns the partition now
   * @throws Interrupted if the transaction failed with a transient error
   */
  handle(events: readonly RecordedEvent[], attempt: number, beforeCommit: BeforeCommit): Promise<void> {
    const { observation } = this.#environment
    if (observation === undefined) return this.#handle(events, attempt, beforeCommit)
    return this.#observe(observation, events, attempt, () => this.#handle(events, attempt, beforeCommit))
  }

  #observe(
    observation: Observation,
    events: readonly RecordedEvent[],
    attempt: number,
    handle: () => Promise<void>,
  ): Promise<void> {
    const { partition } = this.#held.lease
    return observeAttempt(observation, this.#plan, { partition, events, attempt }, handle)
  }

  async #handle(
    events: readonly RecordedEvent[],
    attempt: number,
    beforeCommit: BeforeCommit,
  ): Promise<void> {
    if (!this.#plan.handler.isTransactional) return this.#invoke(events, attempt, undefined)
    await this.#plan.handler.prepare().catch(rethrowAsInterrupted)
    let failure: { readonly thrown: unknown } | undefined
    const work = async (transaction: StorageTransaction) => {
      if (await transaction.holdLease?.(this.#held.lease)) this.#held.heldUntil = Number.POSITIVE_INFINITY
      // The run may have been abandoned while it waited for the transaction: then no call of the handler may start.
      this.#signals.abandon.throwIfAborted()
      try {
        await this.#invoke(events, attempt, transaction)
      } catch (thrown) {
        failure = { thrown }
        throw thrown
      }
      await beforeCommit(transaction)
    }
    try {
      await this.#environment.storage.transaction('Handling events', work, this.#signals.abandon)
    } catch (error) {
      // An error of the handler is rethrown as it is. Every other error is a failure of the transaction.
      if (failure?.thrown === error) throw error
      rethrowAsInterrupted(error)
    } finally {
      this.#held.heldUntil = Math.min(this.#held.heldUntil, this.#environment.clock.now())
    }
  }

  async #invoke(
    events: readonly RecordedEvent[],
    attempt: number,
    transaction: StorageTransaction | undefined,
  ): Promise<void> {
    const { handler, handlerTimeout } = this.#plan
    const { stop } = this.#signals
    const call = async (signal: AbortSignal) => {
      const context = transaction
        ? { signal, attempt, tx: transaction.user }
        : new PlainContext(signal, attempt)
      await handler.handle(events, context, transaction, this.#turn)
    }
    if (handlerTimeout === undefined) return this.#unlessAbandoned(call(stop))
    const [timer, handlerAbort] = [new AbortController(), new AbortController()]
    this.#abortHandler = (reason) => handlerAbort.abort(reason)
    if (stop.aborted) handlerAbort.abort(stop.reason)
    const timeout = this.#environment.clock.sleep(handlerTimeout, timer.signal).then(
      () => {
        const error = new HandlerTimeoutError(handlerTimeout)
        handlerAbort.abort(error)
        throw error
      },
      () => new Promise<never>(() => {}),
    )
    try {
      await this.#unlessAbandoned(Promise.race([call(handlerAbort.signal), timeout]))
    } finally {
      this.#turn.number++
      timer.abort()
    }
  }

  /** Settles like `work`, or rejects as soon as `abandon` is aborted. The outcome of abandoned work is ignored. */
  #unlessAbandoned(work: PromiseLike<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#rejectCall = reject
      work.then(resolve, reject)
      if (this.#signals.abandon.aborted) reject(this.#signals.abandon.reason)
    })
  }
}

/** Turns a transient error of the storage into Interrupted, so that it does not count as a failed attempt. */
export function rethrowAsInterrupted(error: unknown): never {
  if (!isOutage(error)) throw error
  throw new Interrupted('the transaction was interrupted', { cause: error })
}

function isThenable(value: unknown): value is PromiseLike<void> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
