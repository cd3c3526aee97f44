/** What a program may observe of a store: facts that the store measures, and the operations that it runs. */
import type { Metadata } from '../event.ts'
import type { Metric } from './metric.ts'
import type { Operation } from './operation.ts'

/**
 * Observes a store. Every part is optional; a store without an observer measures nothing. The store does not observe the
 * calls of it that these functions make themselves, before their first `await`. It observes what follows from them, such as
 * commits: do not append to a store for each of its own facts.
 */
export interface Observer {
  /**
   * Called once for each fact. It only informs: if it throws, or its promise rejects, the store continues, and emits one
   * process warning with the code `observer-failed`.
   */
  readonly measure?: ((metric: Metric) => void) | undefined
  /**
   * Runs an operation, for example inside a span. It must call `work` once, before its first `await`, and return what
   * `work` returns or throw what `work` throws. If it does not, or never settles, the store runs the work once all the
   * same, returns the outcome of the work, and emits one process warning with the code `observer-failed`.
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
