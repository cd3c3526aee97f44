/** What a program may observe of a store: facts that the store measures, and the operations that it runs. */
import type { Metadata } from '../event.ts'
import type { Metric } from './metric.ts'
import type { Operation } from './operation.ts'

/**
 * Observes a store. It has at least one of these functions. A store without an observer measures nothing.
 *
 * If one of these functions calls the store itself, before its first `await`, the store does not observe that call. It still
 * reports what follows from the call, such as a commit: do not append to a store for each of its own facts.
 */
export interface Observer {
  /**
   * Called once for each fact. It only informs: if it throws, or its promise rejects, the store continues, and emits one
   * process warning with the code `observer-failed`.
   */
  readonly measure?: ((metric: Metric) => void) | undefined
  /**
   * Runs an operation, for example inside a span. It must call `work` once, before its first `await`, and return what
   * `work` returns or throw what `work` throws. Otherwise the store still runs the work once, returns the outcome of the
   * work, and emits one process warning with the code `observer-failed`. If it never settles, the store does not wait for
   * it, and emits no warning.
   */
  readonly around?: (<T>(operation: Operation, work: () => Promise<T>) => Promise<T>) | undefined
  /**
   * Returns metadata for the events that are appended now, for example `traceparent`. A property that the event or the
   * call has itself wins. Called once for each call of `append`, `appendAll` and a command handler; not for `import`,
   * whose events keep their metadata. If it throws, or returns no metadata, the store appends without it, and emits one
   * process warning with the code `observer-failed`. The store also appends without it if the metadata of an event would
   * exceed `maxPayloadBytes`.
   */
  readonly inject?: (() => Metadata | undefined) | undefined
}
