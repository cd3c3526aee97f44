/** What a command handler needs of a store. */
import type { EventDefinitions } from '../catalogue/definitions.ts'
import type { Event } from '../event.ts'
import type { Observer } from '../observe/observer.ts'
import type { AppendOptions, AppendResult, EventStore } from '../store.ts'

/** The part of a store that a command handler uses. `E`: events that the store must accept. */
export interface CommandStore<E extends Event> extends Pick<EventStore, 'readStream'> {
  /**
   * The catalogue of the store. An object that wraps a store with a catalogue must have it: otherwise the handler folds and
   * returns the events as they were decided, and not as their schemas return them, for example with defaults.
   */
  readonly events?: EventDefinitions | undefined
  /**
   * The observer of the store. An object that wraps a store with an observer must have it: otherwise the commands are not
   * observed, and the handler returns their events without the metadata that the observer injects.
   */
  readonly observe?: Observer | undefined
  // No method: the compiler compares the parameters of methods in both directions, and would accept a store without `E`.
  readonly append: (streamId: string, events: readonly E[], options?: AppendOptions) => Promise<AppendResult>
}
