/** A closed loop: each caller starts its next operation when its last one has finished, until the time is up. */

export interface LoopResult {
  readonly operations: number
  readonly perSecond: number
}

/** Lets `callers` callers run the operation for `seconds`, and returns how many operations they finished. */
export async function closedLoop(
  callers: number,
  seconds: number,
  operation: () => Promise<unknown>,
): Promise<LoopResult> {
  const begin = performance.now()
  const end = begin + seconds * 1000
  let operations = 0
  async function call(): Promise<void> {
    while (performance.now() < end) {
      await operation()
      operations++
    }
  }
  await Promise.all(Array.from({ length: callers }, call))
  return { operations, perSecond: operations / ((performance.now() - begin) / 1000) }
}

/** Runs the operation for each of the items, with at most `callers` operations at a time. */
export async function forEachOf<T>(
  items: Iterable<T>,
  callers: number,
  operation: (item: T) => Promise<unknown>,
): Promise<void> {
  // All callers share one iterator, so each item is taken once.
  const rest = items[Symbol.iterator]()
  async function call(): Promise<void> {
    for (let next = rest.next(); !next.done; next = rest.next()) await operation(next.value)
  }
  await Promise.all(Array.from({ length: callers }, call))
}
