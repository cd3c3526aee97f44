/** `@eventsourced/core/testing`: tests deciders, projections, subscriptions and catalogues without a store. */

export type { ExpectedError } from './expected-error.ts'
export type { GivenOf, PastOf, Subject } from './given.ts'
export { given } from './given.ts'
export type { GivenCatalogue, WhenAppended } from './given-catalogue.ts'
export type { Given, When } from './given-decider.ts'
export type { GivenProjection } from './given-projection.ts'
export type { GivenSubscription, WhenHandled } from './given-subscription.ts'
export { type RawEvent, type StoredShape, stored } from './stored.ts'
