/** `@eventsourced/core/health`: answers whether a store is healthy, for operators, load balancers and Kubernetes. */

export type {
  DatabaseCheck,
  FrontierCheck,
  Health,
  HealthCheck,
  HealthStatus,
  LastAppendCheck,
  SubscriptionCheck,
} from './checks.ts'
export { type HealthzOptions, healthz, livez, type ProbeHandler, type ProbeOptions } from './handlers.ts'
export { health } from './health.ts'
export type { ExpectedSubscription, HealthOptions, SubscriptionLimits } from './limits.ts'
export type { HealthStore } from './look.ts'
