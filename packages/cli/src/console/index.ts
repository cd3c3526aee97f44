/** `@eventsourced/cli/console`: a console of an event store, to mount in your own server. */
export { console } from './console.ts'
export type { ConsoleOptions, Redact, RedactedValue } from './options.ts'
