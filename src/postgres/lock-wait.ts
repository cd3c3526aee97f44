/**
 * How writes wait for locks that other transactions hold. A statement that waits keeps its connection, and a few of
 * them would keep all connections. So the SQL functions that write wait for milliseconds only and then fail with 55P03.
 * The store retries the call after a pause, at most two such calls at a time, until the call has waited for `timeout`.
 */
import { LockTimeoutError, lockPause, Semaphore, sleep } from '../storage/index.ts'
import { isCancelled, isLockUnavailable } from './errors.ts'

/**
 * The values of `lock_timeout` in a call's transaction. Each is long enough for the commits of a few transactions that
 * wait before it in the queue for a lock. Null: the setting of the session holds.
 */
export interface LockTimeouts {
  readonly forStreams: string | null
  /** Longer: if all appends change one document, the queue for it is longer. */
  readonly forDocuments: string | null
  /** For the documents of a group of appends: groups of other processes wait before it, with up to `maxBatch` appends. */
  readonly forDocumentsOfGroup: string | null
  /** For a projection: a rebuild, or an append with a raw inline projection, waits until its other appends have ended. */
  readonly forProjections: string | null
}

/** For the store's own transactions. */
export const shortLockTimeouts: LockTimeouts = {
  forStreams: '20ms',
  forDocuments: '100ms',
  forDocumentsOfGroup: '300ms',
  forProjections: '1s',
}
/** For the caller's transaction: a lock timeout would abort it. */
export const sessionLockTimeouts: LockTimeouts = {
  forStreams: null,
  forDocuments: null,
  forDocumentsOfGroup: null,
  forProjections: null,
}

/**
 * What a call does after a lock timeout. 'retry': it retries until it has waited for `timeout`, then throws a
 * LockTimeoutError. 'give up': it throws a LockGivenUp at once, and the caller retries later. Two errors make the call
 * retry in either case: a 57014 (see `isTimeout`), and a lock timeout after an attempt whose answer was lost.
 */
export type AfterLockTimeout = 'retry' | 'give up'

/** Thrown by a call that gives up after a lock timeout. Nothing was written. */
export class LockGivenUp extends Error {
  constructor(cause: unknown) {
    super('another transaction holds a lock', { cause })
  }
}

// How many calls of a store retry at the same time, at most.
const maxRetrying = 2

/** The calls of a store that wait for locks. */
export class LockWaits {
  readonly #timeout: number
  readonly #slots = new Semaphore(maxRetrying)

  /** `timeout`: for how long a call may retry, in milliseconds. */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  begin(what: string): LockWait {
    return new LockWait(what, this.#timeout, this.#slots)
  }
}

/** One call, and for how long it has waited for locks. */
export class LockWait {
  readonly #what: string
  readonly #timeout: number
  readonly #slots: Semaphore
  readonly #since = performance.now()
  #timeouts = 0
  #wasCancelled = false

  constructor(what: string, timeout: number, slots: Semaphore) {
    this.#what = what
    this.#timeout = timeout
    this.#slots = slots
  }

  /**
   * Whether the call must treat the error as a lock timeout. If a lock is granted at the moment of its timeout, and the
   * statement then waits for the next lock, Postgres reports the timeout as a cancelled statement (57014). So the first
   * 57014 of a call counts as a lock timeout. A second one is a real cancellation, by an operator or a
   * statement_timeout.
   */
  isTimeout(error: unknown): boolean {
    if (isLockUnavailable(error)) return true
    if (!isCancelled(error) || this.#wasCancelled) return false
    this.#wasCancelled = true
    return true
  }

  /** Makes an attempt: the first one at once, a retry when a slot is free. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return this.#timeouts === 0 ? work() : this.#slots.run(work)
  }

  /** Pauses after a lock timeout. @throws LockTimeoutError if the call has waited for `timeout` */
  async pause(error: unknown, signal: AbortSignal | undefined): Promise<void> {
    const left = this.#since + this.#timeout - performance.now()
    if (left <= 0) throw new LockTimeoutError(this.#what, this.#timeout, { cause: error })
    await sleep(Math.min(lockPause(this.#timeouts++), left), signal)
  }
}
