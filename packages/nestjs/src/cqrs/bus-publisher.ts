/** Publishes recorded events on the event bus of `@nestjs/cqrs`. */
import type { RecordedEvent } from '@eventsourced/core'
import type { EventBus } from '@nestjs/cqrs'
import { type Definition, DefinitionSource } from '../definition.ts'
import { defaultStore } from '../store.ts'
import type { SubscribesOptions } from '../subscribes.ts'
import type { EventClasses } from './event-classes.ts'

/** The options of the subscription that publishes events on the event bus. */
export interface EventBusOptions extends Omit<SubscribesOptions, 'types'> {}

/** Brings the subscription that publishes events. */
export class BusPublisher extends DefinitionSource {
  readonly #options: EventBusOptions
  readonly #bus: EventBus
  readonly #classes: EventClasses

  constructor(options: EventBusOptions, bus: EventBus, classes: EventClasses) {
    super()
    this.#options = options
    this.#bus = bus
    this.#classes = classes
  }

  definitions(): readonly Definition[] {
    const { store = defaultStore, ...options } = this.#options
    const source = '`eventBus` of EventsourcedCqrsModule'
    const handle = async (event: RecordedEvent) => {
      await this.#bus.publish(this.#classes.fromStored(event, source))
    }
    // The bus stops in `onModuleDestroy`. An event that is published after that would reach no handler.
    const stopsFirst = true
    return [{ store, source, stopsFirst, options: { ...options, types: this.#classes.types, handle } }]
  }
}
