/** Opening an event store on Postgres. */
import {
  checkBoolean,
  checkFunction,
  checkInteger,
  type EventStore,
  emitWarning,
  eventStore,
  InlineProjections,
  type InputLimits,
  optionsOf,
  type StoreOptions,
  type StoreWarning,
} from '../storage/index.ts'
import { connector, type PostgresConnection, type PostgresTransaction, sessionOf } from './connect.ts'
import { checkSchemaName, createSchema, type SchemaStatus, schemaScript, schemaStatus } from './migrate.ts'
import { notifying } from './notify.ts'
import { grantScript } from './privileges.ts'
import { RetryingDatabase, retryingRunner, sessionRunner } from './runner.ts'
import { startUp } from './start-up.ts'
import { statementsOf } from './statements.ts'
import { postgresStorage } from './storage.ts'
import type { SqlTransaction } from './transaction.ts'

export interface PostgresStoreOptions extends InputLimits, StoreOptions {
  /** The schema that holds the tables. @default 'eventsourced' */
  readonly schema?: string | undefined
  /** Creates the tables, or brings them up to date, before the first use. @default true */
  readonly autoCreate?: boolean | undefined
  /** Whether a trigger refuses to change, delete or truncate events. @default true */
  readonly protectEvents?: boolean | undefined
  /** Whether statements are prepared; turn it off for a pooler that does not support it. @default true */
  readonly prepare?: boolean | undefined
  /** Most connections, if the store opens the pool itself (from a URL). @default 10 */
  readonly maxConnections?: number | undefined
  /** How often an operation is retried when the connection or the server fails with a transient error. @default 9 */
  readonly retries?: number | undefined
  /** Most appends that share a transaction, or reads a statement, if called at the same time; 1: none. @default 500 */
  readonly maxBatch?: number | undefined
  /**
   * Whether to tell other processes of appends, and to listen to them, on one more connection: who follows the log need
   * not wait for the next look at it. A single client of `pg` tells, but cannot listen; a pooler in transaction mode lets
   * nobody listen. @default false
   */
  readonly notify?: boolean | undefined
  /**
   * Is told before the first use of what is set on the server so that it may lose events: a code that never changes, and
   * words for whoever can set it right. What it throws stops that use, and the next one begins anew.
   * @default `process.emitWarning`
   */
  readonly onWarning?: ((warning: StoreWarning) => void) | undefined
}

export interface Frontier {
  /** Up to here the log is settled: readers get everything at or below it, and nothing above. */
  readonly position: number
  /** The last position that was given out. */
  readonly head: number
  /** The transactions that are appending now, the longest first: they hold the frontier back until they end. */
  readonly writers: readonly {
    readonly pid: number
    readonly applicationName: string
    /** Like the next one absent for another role's session, unless this one has the rights of `pg_read_all_stats`. */
    readonly state?: string | undefined
    readonly openTime?: number | undefined
  }[]
}

export interface PostgresStore extends EventStore<SqlTransaction> {
  readonly schema: {
    /** Creates the tables and functions, or brings them up to date. Safe to be called by many processes at once. */
    create(): Promise<SchemaStatus>
    /** @throws SchemaMismatchError if the tables are newer than this library, or were changed. */
    status(): Promise<SchemaStatus>
    /** The script that `create` runs on an empty database. */
    sql(): string
    /**
     * The script by which the owner of the tables lets a role use the store: call its functions and read its tables, and
     * nothing else. To be run again after each update of the library. Needs no connection.
     */
    grantSql(role: string): string
  }
  /** How far readers of the log can get, and who holds them back. */
  frontier(): Promise<Frontier>
  /** The store within a READ COMMITTED transaction of the caller's own: what it appends commits with the rest. */
  inTransaction(transaction: PostgresTransaction): TransactionalStore
}

export type TransactionalStore = Pick<
  EventStore,
  'append' | 'appendAll' | 'createStream' | 'readStream' | 'streamInfo'
>

/** An event store on PostgreSQL 14 or later, or on the embedded PGlite. Connects when it is first used. */
export function postgresStore(connection: PostgresConnection, options?: PostgresStoreOptions): PostgresStore {
  const { schema = 'eventsourced', inline: projections } = optionsOf(options, ['schema', 'inline'])
  const {
    maxConnections = 10,
    retries = 9,
    maxBatch = 500,
  } = optionsOf(options, ['maxConnections', 'retries', 'maxBatch'])
  const {
    autoCreate = true,
    protectEvents = true,
    prepare = true,
    notify = false,
  } = optionsOf(options, ['autoCreate', 'protectEvents', 'prepare', 'notify'])
  const { onWarning = emitWarning } = optionsOf(options, ['onWarning'])
  checkSchemaName(schema)
  checkBoolean(autoCreate, 'autoCreate')
  checkBoolean(protectEvents, 'protectEvents')
  checkBoolean(prepare, 'prepare')
  checkBoolean(notify, 'notify')
  checkFunction(onWarning, 'onWarning')
  checkInteger(maxConnections, 'maxConnections', 1)
  checkInteger(retries, 'retries', 0)
  checkInteger(maxBatch, 'maxBatch', 1)
  const inline = new InlineProjections(projections)
  const statements = statementsOf(schema)
  const database = new RetryingDatabase(connector(connection, { prepare, maxConnections }), retries)
  const runner = retryingRunner(database, (database) =>
    startUp(database, { schema, statements, autoCreate, protectEvents, onWarning }),
  )
  const storage = postgresStorage(runner, statements, maxBatch, inline)
  const notifications = notify ? notifying(database, runner, statements, schema) : undefined

  return {
    ...eventStore<SqlTransaction>({ ...storage, notifications }, options),
    schema: {
      create: () =>
        database.use('Creating the tables', (database) => createSchema(database, schema, protectEvents)),
      status: () =>
        database.use('Reading the state of the tables', (database) => schemaStatus(database, schema)),
      sql: () => schemaScript(schema),
      grantSql: (role) => grantScript(schema, role),
    },
    async frontier() {
      const [row] = await runner.run('Reading the frontier', statements.frontier, () => [])
      const { frontier, head, writers } = row ?? {}
      return { position: Number(frontier), head: Number(head), writers: JSON.parse(String(writers)) }
    },
    inTransaction(transaction) {
      const session = sessionRunner(sessionOf(transaction, prepare))
      return eventStore(postgresStorage(session, statements, 1, inline), options)
    },
  }
}
