/** `@eventsourced/react`: shows documents of a view of `@eventsourced/core`, live. */
export { type LiveDocument, type LiveStatus, LiveViewError } from './connection.ts'
export { type LiveDocuments, type LiveView, useDocuments, useView } from './use-view.ts'
