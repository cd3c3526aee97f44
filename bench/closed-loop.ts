/** A closed loop: each caller starts its next operation when its last one has finished, until the time is up. */
import { type CallTimes, callTimesOf } from './call-times.ts'

export interface LoopResult {
  readonly operations: number
  readonly perSecond: number
  /** How long an operation took from its caller's point of view. */
  readonly callTimes: CallTimes
}

/** Lets `callers` callers run the operation for `seconds`, and returns how many operations they finished. */
export async function closedLoop(
  callers: number,
  seconds: number,
  operation: () => Promise<unknown>,
): Promise<LoopResult> {
  // V8 stores numbers without an object for each, so that the measurement costs the loop almost nothing.
  const times: number[] = []
  const begin = performance.now()
  const end = begin + seconds * 1000
  async function call(): Promise<void> {
    // The next operation starts when this one ends, so one look at the clock serves both.
    let started = performance.now()
    while (started < end) {
      await operation()
      const finished = performance.now()
      times.push(finished - started)
      started = finished
    }
  }
  await Promise.all(Array.from({ length: callers }, call))
  const perSecond = times.length / ((performance.now() - begin) / 1000)
  return { operations: times.length, perSecond, callTimes: callTimesOf(times) }
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
