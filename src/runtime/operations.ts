/** The operations under way on a store, so that closing it can refuse new ones and wait for these. */

import { StoreClosedError } from '../errors/index.ts'
import { abortable } from './abort.ts'

export class Operations {
  // A count and no set of promises: a set that shrinks leaves a chain of tables behind, by which the results of
  // one operation after the other survive until the next full garbage collection.
  #underWay = 0
  #whenIdle = () => {}
  #closing: Promise<void> | undefined

  /** Runs an operation, unless the store is closed or the caller has given up; gives up with the caller. */
  async perform<T>(signal: AbortSignal | undefined, operation: () => Promise<T>): Promise<T> {
    this.checkOpen()
    signal?.throwIfAborted()
    const work = operation()
    this.#underWay++
    const done = () => {
      if (--this.#underWay === 0) this.#whenIdle()
    }
    work.then(done, done)
    return abortable(work, signal)
  }

  checkOpen(): void {
    if (this.#closing !== undefined) throw new StoreClosedError()
  }

  /** Refuses further operations, waits for those under way, and ends with `end`; once, however often called. */
  close(end: () => Promise<void>): Promise<void> {
    this.#closing ??= new Promise<void>((resolve) => {
      this.#whenIdle = resolve
      if (this.#underWay === 0) resolve()
    }).then(end)
    return this.#closing
  }
}
