/** Callers that each start their next operation when the one before is done, until the time is up. */

export interface LoopResult {
  readonly operations: number
  readonly perSecond: number
}

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

/** Does something for each of the items, several at a time. */
export async function forEachOf<T>(
  items: Iterable<T>,
  callers: number,
  operation: (item: T) => Promise<unknown>,
): Promise<void> {
  // One iterator for all of the callers: each takes the next item.
  const rest = items[Symbol.iterator]()
  async function call(): Promise<void> {
    for (let next = rest.next(); !next.done; next = rest.next()) await operation(next.value)
  }
  await Promise.all(Array.from({ length: callers }, call))
}
