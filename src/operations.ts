/** The operations under way on a store, so that closing it can refuse new ones and wait for these. */
import { abortable } from './abort.ts'
import { StoreClosedError } from './errors.ts'

export class Operations {
  readonly #underWay = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  /** Runs an operation, unless the store is closed or the caller has given up; gives up with the caller. */
  async perform<T>(signal: AbortSignal | undefined, operation: () => Promise<T>): Promise<T> {
    this.checkOpen()
    signal?.throwIfAborted()
    const work = operation()
    this.#underWay.add(work)
    const done = () => this.#underWay.delete(work)
    work.then(done, done)
    return abortable(work, signal)
  }

  checkOpen(): void {
    if (this.#closing !== undefined) throw new StoreClosedError()
  }

  /** Refuses further operations, waits for those under way, and ends with `end`; once, however often called. */
  close(end: () => Promise<void>): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#underWay).then(end)
    return this.#closing
  }
}
