/** `@eventsourced/core/postgres`: the event store on Postgres and on the embedded PGlite. */

export type { Parameters, Row, Session, Statement } from './client.ts'
export type { PostgresConnection, PostgresTransaction } from './connect.ts'
export type { DrizzleSql, DrizzleTransaction } from './from-drizzle.ts'
// Bridges into the caller's own transaction
export { fromDrizzle } from './from-drizzle.ts'
export type { KyselyTransaction } from './from-kysely.ts'
export { fromKysely } from './from-kysely.ts'
export type { PgClient } from './from-pg.ts'
export type { PgPool } from './from-pg-pool.ts'
export type { PGliteDatabase, PGliteSession } from './from-pglite.ts'
export type { PostgresJs, PostgresJsSession } from './from-postgres-js.ts'
export type { SchemaStatus } from './schema-status.ts'
export type { PostgresStore, PostgresStoreOptions, PostgresWriter, TransactionalStore } from './store.ts'
export { postgresStore } from './store.ts'
export type { SqlTransaction } from './transaction.ts'
