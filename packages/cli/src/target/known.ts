/** The types of what a configuration file may export, for events of any kind. */
import type { Decider, DocumentProjection, EventStore, RawProjection } from '@eventsourced/core'
import type { DynamodbStore } from '@eventsourced/core/dynamodb'
import type { PostgresStore } from '@eventsourced/core/postgres'

// biome-ignore lint/suspicious/noExplicitAny: a program's events may have any types
export type AnyStore = EventStore<any, any> & Partial<Schemas>
// biome-ignore lint/suspicious/noExplicitAny: as above
export type AnyDecider = Decider<any, any, any>
// biome-ignore lint/suspicious/noExplicitAny: as above
export type AnyDocumentProjection = DocumentProjection<any, any>
// biome-ignore lint/suspicious/noExplicitAny: as above
export type AnyProjection = AnyDocumentProjection | RawProjection<any, any>

// biome-ignore lint/suspicious/noExplicitAny: as above
type AnyPostgresStore = PostgresStore<any>

interface Schemas {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly schema: AnyPostgresStore['schema'] | DynamodbStore<any>['schema']
}
