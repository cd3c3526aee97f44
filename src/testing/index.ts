/** `@eventsourced/core/testing`: tests deciders with given, when, then, without a store. */

export type { ExpectedError, Given, When } from './given.ts'
export { given } from './given.ts'
