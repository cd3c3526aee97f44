/** The options that every store takes. */
import type { EventDefinitions } from './catalogue/definitions.ts'
import type { Event } from './event.ts'
import type { Metric } from './observe/metric.ts'
import type { Observer } from './observe/observer.ts'
import type { Projection } from './projection/projection.ts'

/** The options that every store takes when it is opened. */
export interface StoreOptions<E extends Event = Event> {
  /**
   * The catalogue of the events of this store, which `defineEvents` makes. The store refuses other events, validates the
   * data, and returns stored events as they are today. @default every event is accepted and returned as it is stored
   */
  readonly events?: EventDefinitions<E> | undefined
  /**
   * Inline projections: the store writes their documents in the transaction of the append. Every process that appends
   * to the same data must name the same ones: an append without one of them throws a MissingInlineProjectionError.
   * @default none
   */
  readonly inline?: readonly Projection[] | undefined
  /**
   * The beginning of the names of this process's workers, by which `status()` and `store.subscriptions` name the owners
   * of partitions. The store adds a slash and eight hexadecimal digits.
   * @default the name of the host, a slash, and the number of the process
   */
  readonly worker?: string | undefined
  /**
   * Measures the store, runs its operations inside spans, and adds metadata such as a trace context to new events. `otel`
   * of `@eventsourced/core/otel` makes an observer for OpenTelemetry. @default none, at no cost
   */
  readonly observe?: Observer | undefined
  /**
   * Called for each fact that the store measures; short for `observe: { measure }`. If both are given, both are called. It
   * only informs: if it throws, or its promise rejects, the store continues, and emits one process warning with the code
   * `observer-failed`. @default none
   */
  readonly onMetric?: ((metric: Metric) => void) | undefined
}
