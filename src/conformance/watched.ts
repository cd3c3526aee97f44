/** A caller that watches, for the cases of live views. */
import assert from 'node:assert/strict'

const patience = 20_000

export interface Watched<Change> {
  /** Returns the next change. */
  next(): Promise<Change>
  /** Returns the first change, from the next one on, that fits. */
  until(fits: (change: Change) => boolean): Promise<Change>
  /** Ends the watch. */
  end(): Promise<void>
}

export function watched<Change>(changes: AsyncIterable<Change>): Watched<Change> {
  const iterator = changes[Symbol.asyncIterator]()
  const next = async () => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no change came within ${patience} ms`)), patience)
    })
    const result = await Promise.race([iterator.next(), late]).finally(() => clearTimeout(timer))
    assert.equal(result.done ?? false, false, 'the watch has ended')
    return result.value as Change
  }
  return {
    next,
    async until(fits) {
      for (;;) {
        const change = await next()
        if (fits(change)) return change
      }
    },
    end: async () => void (await iterator.return?.()),
  }
}
