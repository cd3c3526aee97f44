/**
 * Reads that several callers share. A caller says since when a read must have begun to be new enough for it, and joins the
 * read that is under way if that one is. Two reads of the same name never run at the same time, so a later read never
 * returns an older state.
 */
import { Semaphore } from '../runtime/semaphore.ts'

// So many reads run at once, so that a thousand watches that begin together leave connections for others.
const mostAtOnce = 8

interface SharedRead {
  /** When the read began, by the count of `now`; undefined while it waits for a slot. */
  beganAt: number | undefined
  readonly result: Promise<unknown>
}

export class SharedReads {
  readonly #slots = new Semaphore(mostAtOnce)
  readonly #underWay = new Map<string, SharedRead>()
  #time = 0

  /** Returns a moment that is later than all earlier ones. */
  now(): number {
    return ++this.#time
  }

  /** Returns the result of a read of this name that began at `since` or later. Reads with one name return one type. */
  async read<T>(name: string, since: number, read: () => Promise<T>): Promise<T> {
    for (;;) {
      const present = this.#underWay.get(name)
      if (present === undefined) return this.#begin(name, read)
      const { beganAt, result } = present
      if (beganAt === undefined || beganAt >= since) return result as Promise<T>
      await result.catch(() => {})
    }
  }

  #begin<T>(name: string, read: () => Promise<T>): Promise<T> {
    const result = this.#slots
      .run(() => {
        shared.beganAt = this.now()
        return read()
      })
      .finally(() => this.#underWay.delete(name))
    const shared: SharedRead = { beganAt: undefined, result }
    this.#underWay.set(name, shared)
    return result
  }
}
