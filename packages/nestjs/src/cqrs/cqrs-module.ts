/** The module that connects `@nestjs/cqrs` with the stores. */
import type { DynamicModule, Provider } from '@nestjs/common'
import { DiscoveryModule, DiscoveryService, ModuleRef } from '@nestjs/core'
import { EventBus } from '@nestjs/cqrs'
import { EventsourcedSetUpError } from '../set-up-error.ts'
import { BusPublisher, type EventBusOptions } from './bus-publisher.ts'
import { DurableHandlers } from './durable.ts'
import { EventClasses, type EventClassMap } from './event-classes.ts'

/** The options of `EventsourcedCqrsModule.forRoot`. */
export interface EventsourcedCqrsOptions {
  /** The event classes by the types that they are stored as: `{ OrderPlaced, OrderShipped }`. */
  readonly events: EventClassMap
  /**
   * A subscription that publishes every recorded event of `events` on the event bus, for sagas and for handlers without
   * `@Durable`. The bus does not wait for its handlers: if one fails, or the process is killed, the event is not
   * published again. Needs `CqrsModule.forRoot()`. @default none: the bus gets no recorded events
   */
  readonly eventBus?: EventBusOptions | undefined
}

/** Connects `@nestjs/cqrs` with the stores of `EventsourcedModule`. */
// biome-ignore lint/complexity/noStaticOnlyClass: Nest knows modules by their classes
export class EventsourcedCqrsModule {
  /**
   * Registers the event classes, and starts the handlers with `@Durable`. Once, in the root module.
   * @throws EventsourcedSetUpError if an option is wrong
   */
  static forRoot(options: EventsourcedCqrsOptions): DynamicModule {
    const { events, eventBus } = options ?? {}
    if (typeof events !== 'object' || events === null)
      throw new EventsourcedSetUpError(
        'EventsourcedCqrsModule.forRoot needs `events`: an object with the event classes by their stored types',
      )
    const classes = new EventClasses(events)
    const publisher: Provider[] =
      eventBus === undefined
        ? []
        : [
            {
              provide: BusPublisher,
              inject: [EventBus],
              useFactory: (bus: EventBus) => new BusPublisher(eventBus, bus, classes),
            },
          ]
    return {
      module: EventsourcedCqrsModule,
      global: true,
      imports: [DiscoveryModule],
      providers: [
        { provide: EventClasses, useValue: classes },
        {
          provide: DurableHandlers,
          inject: [DiscoveryService, ModuleRef],
          useFactory: (discovery: DiscoveryService, moduleRef: ModuleRef) =>
            new DurableHandlers(discovery, moduleRef, classes),
        },
        ...publisher,
      ],
      exports: [EventClasses],
    }
  }
}
