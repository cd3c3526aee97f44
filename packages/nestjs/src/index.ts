/** `@eventsourced/nestjs`: stores, command handlers, views, projections and subscriptions as providers of NestJS. */

export type { CommandHandlerOf, CommandHandlerProviderOptions } from './command-handler.ts'
export { commandHandlerProvider, getCommandHandlerToken, InjectCommandHandler } from './command-handler.ts'
export { EventsourcedModule } from './eventsourced-module.ts'
export type { EventsourcedFeatureOptions, ProjectionFeature } from './feature.ts'
export type { EventsourcedHealth, HealthOptions, SubscriptionHealth } from './health-indicator.ts'
export { EventsourcedHealthIndicator } from './health-indicator.ts'
export type {
  EventsourcedModuleAsyncOptions,
  EventsourcedModuleOptions,
  StoreRegistration,
  StoreSettings,
} from './module-options.ts'
export { ProblemFilter } from './problem-filter.ts'
export { EventsourcedSetUpError } from './set-up-error.ts'
export { getStoreToken, InjectStore } from './store.ts'
export type {
  HandlerOptions,
  ProjectionHandler,
  ProjectionRunOptions,
  ProjectsOptions,
  SubscribesOptions,
  SubscriptionHandler,
} from './subscribes.ts'
export { Projects, Subscribes } from './subscribes.ts'
export type { ViewOf, ViewSource } from './view.ts'
export { getViewToken, InjectView, viewProvider } from './view.ts'
