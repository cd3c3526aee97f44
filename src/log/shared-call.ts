/** One call that several callers wait for. When no caller waits any more, it aborts the call. */
import { abortable } from '../runtime/abort.ts'

export class SharedCall<T> {
  readonly #controller = new AbortController()
  readonly #result: Promise<T>
  #callers = 0

  constructor(call: (signal: AbortSignal) => Promise<T>) {
    const { signal } = this.#controller
    // A storage may ignore the signal.
    this.#result = abortable(call(signal), signal)
    // Each caller gets the error. If all have stopped waiting, it must not count as unhandled.
    this.#result.catch(() => {})
  }

  /** Whether the call was aborted, so that it has no result. */
  get isAborted(): boolean {
    return this.#controller.signal.aborted
  }

  /** Settles like the call, or rejects with the reason of this caller's signal. */
  async join(signal: AbortSignal | undefined): Promise<T> {
    this.#callers++
    try {
      return await abortable(this.#result, signal)
    } finally {
      // After the call has settled, the abort changes nothing.
      if (--this.#callers === 0) this.#controller.abort()
    }
  }
}
