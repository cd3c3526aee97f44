/**
 * How writes wait for locks that other transactions hold. A statement that waits keeps its connection, and a few of them
 * would keep all connections. So the append functions wait for milliseconds only and then fail with 55P03. The store makes
 * the call again after a pause, a few such calls at a time, until the call has waited for `timeout`.
 */
import { LockTimeoutError, Semaphore, sleep } from '../storage/index.ts'
import { isCancelled, isLockUnavailable } from './errors.ts'

/** The value of `lock_timeout` in a call's transaction. Long enough for the commits of a few others in line. */
export interface LockTimeouts {
  readonly forStreams: string | null
  /** Longer: the line for a document that all appends change may be longer. */
  readonly forDocuments: string | null
  /** For the documents of a group of appends. In the line are groups of other processes, with up to `maxBatch` appends each. */
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
/** For the caller's transaction: an error would abort it, so the setting of its session holds. */
export const sessionLockTimeouts: LockTimeouts = {
  forStreams: null,
  forDocuments: null,
  forDocumentsOfGroup: null,
  forProjections: null,
}

/**
 * What a call does after a lock timeout: it tries again until it has waited for `timeout`, or it gives up at once with a
 * LockUnavailable, so that the caller can do something else meanwhile.
 */
export type AfterLockTimeout = 'try again' | 'give up'

/** Thrown by a call that gives up. Nothing was written. */
export class LockUnavailable extends Error {
  constructor(cause: unknown) {
    super('another transaction holds a lock', { cause })
  }
}

// The largest number of calls of a store that try again at the same time.
const slots = 2
// In milliseconds. The pause between two tries of a call doubles from the first value up to the second.
const shortestPause = 10
const longestPause = 250

/** The calls of a store that try again. */
export class LockWaits {
  readonly #timeout: number
  readonly #slots = new Semaphore(slots)

  /** `timeout`: for how long a call may try again, in milliseconds. */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  begin(what: string): LockWait {
    return new LockWait(what, this.#timeout, this.#slots)
  }
}

/** The waiting of one call. */
export class LockWait {
  readonly #what: string
  readonly #timeout: number
  readonly #slots: Semaphore
  readonly #since = performance.now()
  #timeouts = 0
  #isCancelled = false

  constructor(what: string, timeout: number, slots: Semaphore) {
    this.#what = what
    this.#timeout = timeout
    this.#slots = slots
  }

  /**
   * Whether the statement failed because it waited too long for a lock. If a lock is granted at the moment of its timeout,
   * and the statement then waits for the next lock, Postgres reports the timeout as a cancelled statement (57014). So a
   * call takes its first 57014 for a lock timeout, and tries again. The second one is meant: an operator or a statement_timeout cancels the call.
   */
  isTimeout(error: unknown): boolean {
    if (isLockUnavailable(error)) return true
    if (!isCancelled(error) || this.#isCancelled) return false
    this.#isCancelled = true
    return true
  }

  /** Waits for the turn of the next try, and makes it. The first try of a call is made at once. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return this.#timeouts === 0 ? work() : this.#slots.run(work)
  }

  /** Pauses after a lock timeout. @throws LockTimeoutError if the call has waited for `timeout` */
  async pause(error: unknown, signal: AbortSignal | undefined): Promise<void> {
    const left = this.#since + this.#timeout - performance.now()
    if (left <= 0) throw new LockTimeoutError(this.#what, this.#timeout, { cause: error })
    const longest = Math.min(longestPause, shortestPause * 2 ** this.#timeouts++)
    await sleep(Math.min(longest * (0.5 + Math.random() / 2), left), signal)
  }
}
