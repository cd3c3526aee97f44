/** The types of what a configuration file may export, for events of any kind. */
import type { Decider, DocumentProjection, EventStore, RawProjection } from '@eventsourced/core'
import type { DynamodbStore } from '@eventsourced/core/dynamodb'
import type { PostgresStore } from '@eventsourced/core/postgres'

// biome-ignore lint/suspicious/noExplicitAny: a program's events, commands and states may have any types
type Any = any

export type AnyStore = EventStore<Any, Any> & {
  /** The store in memory has none. */
  readonly schema?: PostgresStore<Any>['schema'] | DynamodbStore<Any>['schema']
}
export type AnyDecider = Decider<Any, Any, Any>
export type AnyDocumentProjection = DocumentProjection<Any, Any>
export type AnyProjection = AnyDocumentProjection | RawProjection<Any, Any>
