/** How long the calls of a closed loop took, as percentiles. */

/** The times, in milliseconds, that 50 %, 95 % and 99 % of the calls do not exceed. */
export interface CallTimes {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** Returns the percentiles of times in any order. Each is the time of a call: nothing is interpolated. */
export function callTimesOf(times: readonly number[]): CallTimes {
  // A typed array sorts by value, where an array would compare texts.
  const sorted = Float64Array.from(times).sort()
  const percentile = (percent: number) => sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? Number.NaN
  return { p50: percentile(50), p95: percentile(95), p99: percentile(99) }
}
