/** What a program may observe of a store: facts that the store measures, and the operations that it runs. */
import type { Metadata } from '../event.ts'
import type { Metric } from './metric.ts'
import type { Operation } from './operation.ts'

/** Observes a store. Every part is optional; a store without an observer measures nothing. */
export interface Observer {
  /**
   * Called once for each fact. It only informs: if it throws, or its promise rejects, the store continues, and emits one
   * process warning with the code `observer-failed`.
   */
  readonly measure?: ((metric: Metric) => void) | undefined
  /**
   * Runs an operation, for example inside a span. It must call `work` once, and return what `work` returns or throw what
   * `work` throws.
   */
  readonly around?: (<T>(operation: Operation, work: () => Promise<T>) => Promise<T>) | undefined
  /**
   * Returns metadata for the events that are appended now, for example `traceparent`. A property that the event or the
   * call has itself wins.
   */
  readonly inject?: (() => Metadata | undefined) | undefined
}
