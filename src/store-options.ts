/** The options that every store takes. */
import type { EventDefinitions } from './catalogue/definitions.ts'
import type { Event } from './event.ts'
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
}
