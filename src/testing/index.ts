/** `@eventsourced/core/testing`: given/when/then for deciders. */

export type { ExpectedError, Given, When } from './given.ts'
export { given } from './given.ts'
