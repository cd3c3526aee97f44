/** What the store reports about its requests. */
import { emitWarning, reasonOf } from '../../storage/index.ts'
import type { TransientKind } from './errors.ts'

/** What the store reports to `onMetric`. `kind` says which of the two it is. */
export type DynamodbMetric = DynamodbIncident | DynamodbCapacity

/** An incident that the store handled itself, for the user's metrics. */
export interface DynamodbIncident {
  /**
   * `retry`, `throttle`, `conflict`, `credentials`: a request failed in this way, with a transient error. `seal`: a
   * reader sealed a slot of the log, because its writer did not use it within `gapTimeout`. `late`: an append found its
   * slot sealed, and takes another one.
   */
  readonly kind: TransientKind | 'seal' | 'late'
  readonly table: string
  /** The partition key of the request, or a description such as `slot 12`; empty for a whole table. */
  readonly key: string
  /** The reason; for a failed request, in the words of AWS. */
  readonly reason: string
  /** 1 for the first attempt. */
  readonly attempt: number
}

/**
 * The capacity that one request consumed in one table. DynamoDB reports none for a request that failed, although a
 * failed condition consumes too.
 */
export interface DynamodbCapacity {
  readonly kind: 'capacity'
  readonly table: string
  /** The partition key of the request, or a description such as `slot 12`; empty for a whole table. */
  readonly key: string
  /** The operation, for example `TransactWriteItems`. */
  readonly command: string
  /** Read capacity units; 0 for a write. */
  readonly readUnits: number
  /** Write capacity units; 0 for a read. */
  readonly writeUnits: number
}

/**
 * Returns a function that passes metrics to the callback of the user, if there is one. The callback only informs: if it
 * throws, or its promise rejects, the request continues, and the first failure becomes a warning.
 */
export function metricReporter(
  onMetric: ((metric: DynamodbMetric) => void) | undefined,
): (metric: DynamodbMetric) => void {
  if (onMetric === undefined) return () => {}
  let hasFailed = false
  const fail = (error: unknown) => {
    if (hasFailed) return
    hasFailed = true
    emitWarning({
      code: 'metric-failed',
      message: `\`onMetric\` failed: ${reasonOf(error)}. The store works on. Further failures of \`onMetric\` are not reported`,
    })
  }
  return (metric) => {
    try {
      // A function that returns `void` may return a promise.
      const result: unknown = onMetric(metric)
      if (result !== undefined) Promise.resolve(result).catch(fail)
    } catch (error) {
      fail(error)
    }
  }
}
