/**
 * Calling a handler: in a transaction that ends with its checkpoint, or without one; for as long as it may take, and
 * until it is given up.
 */
import { HandlerTimeoutError, InvalidInputError, isOutage } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { StorageTransaction } from '../storage/projections.ts'
import type { Plan } from './plan.ts'
import type { HandlerContext } from './subscription.ts'

export interface RunSignals {
  /** No further event is to be begun; told to the handler. */
  readonly stop: AbortSignal
  /** What is under way is given up. */
  readonly abandon: AbortSignal
}

/** A transaction failed, not what was done in it: whether it was committed is to be looked up. */
export class Interrupted extends Error {}

export type EndOfTransaction = (transaction: StorageTransaction) => Promise<void>

/** Outside of a transaction there is no `tx`, and asking for it is a mistake that is told. */
class PlainContext implements HandlerContext {
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
  readonly #signals: RunSignals
  readonly #firstTry: HandlerContext
  #giveUp = (_: unknown) => {}
  #tellToStop = (_: unknown) => {}

  constructor(environment: EngineEnvironment, plan: Plan, signals: RunSignals) {
    this.#environment = environment
    this.#plan = plan
    this.#signals = signals
    this.#firstTry = new PlainContext(signals.stop, 1)
    const { stop, abandon } = signals
    // One listener for all calls: one for each would take longer than all the rest.
    abandon.addEventListener('abort', () => this.#giveUp(abandon.reason), { once: true })
    stop.addEventListener('abort', () => this.#tellToStop(stop.reason), { once: true })
  }

  /**
   * The first try of one event, without a transaction: no promise if the handler needs none, since a million of them
   * take a second.
   */
  handleFirst(event: RecordedEvent): Promise<void> | undefined {
    const { handler, handlerTimeout } = this.#plan
    if (handlerTimeout !== undefined) return this.#invoke([event], 1, undefined)
    const handled = handler.handle([event], this.#firstTry, undefined)
    return isThenable(handled) ? this.#untilGivenUp(handled) : undefined
  }

  /**
   * One try, and in its transaction, if there is one, what `end` adds.
   * @throws what the handler throws, LeaseLostError, or Interrupted
   */
  async handle(events: readonly RecordedEvent[], attempt: number, end: EndOfTransaction): Promise<void> {
    if (!this.#plan.handler.isTransactional) return this.#invoke(events, attempt, undefined)
    await this.#plan.handler.prepare().catch(interrupted)
    let failure: { readonly thrown: unknown } | undefined
    const work = async (transaction: StorageTransaction) => {
      try {
        await this.#invoke(events, attempt, transaction)
      } catch (thrown) {
        failure = { thrown }
        throw thrown
      }
      await end(transaction)
    }
    try {
      await this.#environment.storage.transaction('Handling events', work, this.#signals.abandon)
    } catch (error) {
      // What the handler threw comes out as it is; anything else is the transaction's own failure.
      if (failure?.thrown === error) throw error
      interrupted(error)
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
      await handler.handle(events, context, transaction)
    }
    if (handlerTimeout === undefined) return this.#untilGivenUp(call(stop))
    const [over, told] = [new AbortController(), new AbortController()]
    this.#tellToStop = (reason) => told.abort(reason)
    if (stop.aborted) told.abort(stop.reason)
    const timeout = this.#environment.clock.sleep(handlerTimeout, over.signal).then(
      () => {
        const error = new HandlerTimeoutError(handlerTimeout)
        told.abort(error)
        throw error
      },
      () => new Promise<never>(() => {}),
    )
    try {
      await this.#untilGivenUp(Promise.race([call(told.signal), timeout]))
    } finally {
      over.abort()
    }
  }

  /** Whatever becomes of the work afterwards is nobody's business any more. */
  #untilGivenUp(work: PromiseLike<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#giveUp = reject
      work.then(resolve, reject)
      if (this.#signals.abandon.aborted) reject(this.#signals.abandon.reason)
    })
  }
}

/** An error that is the storage's is no failure to handle an event. */
export function interrupted(error: unknown): never {
  if (!isOutage(error)) throw error
  throw new Interrupted('the transaction was interrupted', { cause: error })
}

function isThenable(value: unknown): value is PromiseLike<void> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
