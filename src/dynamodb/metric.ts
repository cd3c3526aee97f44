/** What the store reports about its requests. */
import type { TransientKind } from './errors.ts'

/** An incident that the store handled itself, for the user's metrics. */
export interface DynamodbMetric {
  /**
   * `retry`, `throttle`, `conflict`: a request failed in this way, with a transient error. `seal`: a reader
   * sealed a slot of the log, because its writer did not use it within `gapTimeout`. `late`: an append found
   * its slot sealed, and takes another one.
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
