/** `@eventsourced/core/http`: the store over HTTP, with the Request and Response of the Fetch API. */
export { type SseOptions, sse } from './sse.ts'
