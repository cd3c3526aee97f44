/** Event handlers of `@nestjs/cqrs` that get their events from the log. */
import type { RecordedEvent } from '@eventsourced/core'
import { SetMetadata, type Type } from '@nestjs/common'
import type { DiscoveryService, ModuleRef } from '@nestjs/core'
import type { IEventHandler } from '@nestjs/cqrs'
import { classOf, instanceOf, sourceOf } from '../decorated-classes.ts'
import { type Definition, DefinitionSource } from '../definition.ts'
import { EventsourcedSetUpError } from '../set-up-error.ts'
import { defaultStore } from '../store.ts'
import type { SubscribesOptions } from '../subscribes.ts'
import type { EventClasses } from './event-classes.ts'

/** The options of `@Durable`: those of a subscription. The event classes of `@EventsHandler` say which types it gets. */
export interface DurableOptions extends Omit<SubscribesOptions, 'types'> {}

interface DurableHandler {
  readonly options: DurableOptions
  readonly eventClasses: readonly Type[]
}

const durableKey = 'eventsourced:durable'
// The key under which `@EventsHandler` keeps its classes; `@nestjs/cqrs` does not export it.
const eventsHandlerKey = '__eventsHandler__'

/**
 * Makes a class with `@EventsHandler` a durable subscription: it gets each event after the event is recorded, in order,
 * at least once, in one process at a time, and again after a failure. Write it above `@EventsHandler`. The event bus then
 * no longer calls the class. Its `handle` gets the event, the recorded event, and the context of the subscription.
 */
export function Durable(
  options: DurableOptions,
  // biome-ignore lint/suspicious/noExplicitAny: the class may have any dependencies and events
): (target: new (...dependencies: any[]) => IEventHandler<any>) => void {
  return (target) => {
    const eventClasses: readonly Type[] | undefined = Reflect.getOwnMetadata(eventsHandlerKey, target)
    if (eventClasses === undefined || eventClasses.length === 0)
      throw new EventsourcedSetUpError(
        `@Durable of ${target.name} found no event classes. Write @Durable above @EventsHandler(…), which names them`,
      )
    // Without event classes, CqrsModule subscribes the handler to nothing.
    Reflect.defineMetadata(eventsHandlerKey, [], target)
    SetMetadata(durableKey, { options, eventClasses } satisfies DurableHandler)(target)
  }
}

/** Brings the subscriptions of all classes with `@Durable`. */
export class DurableHandlers extends DefinitionSource {
  readonly #discovery: DiscoveryService
  readonly #moduleRef: ModuleRef
  readonly #classes: EventClasses

  constructor(discovery: DiscoveryService, moduleRef: ModuleRef, classes: EventClasses) {
    super()
    this.#discovery = discovery
    this.#moduleRef = moduleRef
    this.#classes = classes
  }

  definitions(): readonly Definition[] {
    return this.#discovery.getProviders().flatMap((wrapper) => {
      const type = classOf(wrapper)
      const durable: DurableHandler | undefined = type && Reflect.getOwnMetadata(durableKey, type)
      if (durable === undefined || wrapper.isAlias) return []
      const source = sourceOf(wrapper)
      const { store = defaultStore, ...options } = durable.options
      const types = durable.eventClasses.map((eventClass) => this.#classes.typeOf(eventClass, source))
      const instance = instanceOf(wrapper, this.#moduleRef)
      const handle = async (event: RecordedEvent, context: unknown) => {
        const handler = (await instance()) as { handle(...call: unknown[]): unknown }
        await handler.handle(this.#classes.fromStored(event, source), event, context)
      }
      return [{ store, source, options: { ...options, types, handle } }]
    })
  }
}
