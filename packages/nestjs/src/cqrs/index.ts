/** `@eventsourced/nestjs/cqrs`: aggregates and event handlers of `@nestjs/cqrs` on a store. */

export type { AggregateOptions, SaveOptions, Updated, UpdateOptions } from './aggregate-repository.ts'
export { AggregateRepository } from './aggregate-repository.ts'
export type { EventBusOptions } from './bus-publisher.ts'
export type { EventsourcedCqrsOptions } from './cqrs-module.ts'
export { EventsourcedCqrsModule } from './cqrs-module.ts'
export type { DurableOptions } from './durable.ts'
export { Durable } from './durable.ts'
export type { EventClassMap, EventMapping } from './event-classes.ts'
export type { AggregateRepositoryOptions } from './repository-provider.ts'
export {
  aggregateRepositoryProvider,
  getAggregateRepositoryToken,
  InjectAggregateRepository,
} from './repository-provider.ts'
