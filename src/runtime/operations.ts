/** Counts the running operations of a store, so that `close` can refuse new ones and wait for the running ones. */

import { StoreClosedError } from '../errors/index.ts'
import { abortable, linkedController, onAbort } from './abort.ts'

export class Operations {
  // A count, not a set of promises: V8 keeps the old tables of a set that shrinks, and with them the results of
  // finished operations, until the next full garbage collection.
  #running = 0
  #whenIdle = () => {}
  #closing: Promise<void> | undefined
  readonly #check: () => void
  readonly #closed = new AbortController()

  /** `check` is called before each operation; if it throws, the operation is refused. */
  constructor(check: () => void = () => {}) {
    this.#check = check
  }

  /**
   * Runs an operation and returns its result. If the caller aborts, the call rejects at once, but the operation still
   * counts as running until it settles.
   * @throws StoreClosedError if `close` was called before
   */
  perform<T>(signal: AbortSignal | undefined, operation: () => Promise<T>): Promise<T> {
    let work: Promise<T>
    try {
      this.checkOpen()
      this.#check()
      signal?.throwIfAborted()
      work = operation()
    } catch (error) {
      return Promise.reject(error)
    }
    this.#running++
    const counted = work.then(
      (result) => {
        this.#end()
        return result
      },
      (error: unknown) => {
        this.#end()
        throw error
      },
    )
    return signal === undefined ? counted : abortable(counted, signal)
  }

  #end(): void {
    if (--this.#running === 0) this.#whenIdle()
  }

  /** @throws StoreClosedError if `close` was called before */
  checkOpen(): void {
    if (this.#closing !== undefined) throw new StoreClosedError()
  }

  /**
   * Calls `wait` with a signal that is aborted with `signal`, and with a StoreClosedError when the store is closed. A
   * wait is no operation: `close` does not wait for it.
   */
  async untilClosed(signal: AbortSignal, wait: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { controller, unlink } = linkedController(signal)
    const unlinkClosed = onAbort(this.#closed.signal, () => controller.abort(this.#closed.signal.reason))
    try {
      await wait(controller.signal)
    } finally {
      unlinkClosed()
      unlink()
    }
  }

  /** Refuses new operations, waits until the running ones settle, then runs `end`. A second call changes nothing. */
  close(end: () => Promise<void>): Promise<void> {
    this.#closing ??= new Promise<void>((resolve) => {
      this.#whenIdle = resolve
      if (this.#running === 0) resolve()
    }).then(end)
    this.#closed.abort(new StoreClosedError())
    return this.#closing
  }
}
