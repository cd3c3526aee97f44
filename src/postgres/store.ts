/** Opens an event store on Postgres. */
import {
  type CallOptions,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkMilliseconds,
  type Event,
  type EventStore,
  emitWarning,
  eventStore,
  type Frontier,
  type FrontierWriter,
  InlineProjections,
  type InputLimits,
  observationOf,
  optionsOf,
  type StoreOptions,
  type StoreWarning,
} from '../storage/index.ts'
import { connector, type PostgresConnection, type PostgresTransaction, sessionOf } from './connect.ts'
import { checkSchemaName, createSchema, schemaScript, schemaStatus } from './migrate.ts'
import { nestingOf } from './nesting.ts'
import { notifications } from './notify.ts'
import { grantScript } from './privileges.ts'
import { RetryingDatabase, retryingRunner, sessionRunner } from './runner.ts'
import { type SchemaReport, withWarnings } from './schema-warnings.ts'
import { startUp } from './start-up.ts'
import { statementsOf } from './statements.ts'
import { postgresStorage } from './storage.ts'
import type { SqlTransaction } from './transaction.ts'

/** The options of `postgresStore`. All are optional. */
export interface PostgresStoreOptions<E extends Event = Event> extends InputLimits, StoreOptions<E> {
  /**
   * The name of the schema that holds the tables, at most 63 bytes. Case matters, and the store quotes the name. It
   * must not contain quotes, backslashes, dollar signs or control characters, and not be a schema of Postgres itself.
   * @default 'eventsourced'
   */
  readonly schema?: string | undefined
  /**
   * Whether the store creates the tables, or brings them up to date, before its first use. If false, tables that are
   * missing or out of date cause a `SchemaMismatchError`.
   * @default true
   */
  readonly autoCreate?: boolean | undefined
  /**
   * Whether a trigger refuses to change, delete or truncate events. If true, the store puts back a trigger that is
   * missing or disabled or, with `autoCreate: false`, throws a `SchemaMismatchError`. If false, the store drops the
   * trigger when it creates the tables or brings them up to date.
   * @default true
   */
  readonly protectEvents?: boolean | undefined
  /**
   * Whether the driver prepares statements. Set it to false for a pooler that does not keep track of prepared statements.
   * @default true
   */
  readonly prepare?: boolean | undefined
  /**
   * Maximum number of connections in the pool that the store opens for a `postgres://` URL. Has no effect on a client
   * that you pass.
   * @default 10
   */
  readonly maxConnections?: number | undefined
  /**
   * Maximum number of retries after transient errors of the connection or the server; 0: no retry. The store does not
   * retry if it cannot connect and the server has never answered: the address is probably wrong. Pauses are random and
   * grow to at most 1 s: 9 retries wait about 2 s in total, at most 4.3 s.
   * @default 9
   */
  readonly retries?: number | undefined
  /**
   * How long the database may be silent during a call, in milliseconds. After it the store asks over a new connection
   * whether the server still works on the statement. If so, the call waits on. If not, the store closes the silent
   * connection and retries the call. Also limits how long an append, a batch of an import, or `createStream` waits for
   * locks that other transactions hold, before it throws a `LockTimeoutError`.
   * @default 30000
   */
  readonly timeout?: number | undefined
  /**
   * Maximum number of concurrent appends that share one transaction. It also limits how many concurrent stream reads
   * share one statement. 1: every call runs alone.
   * @default 500
   */
  readonly maxBatch?: number | undefined
  /**
   * Whether the store notifies other processes of its appends, and listens for their notifications on one more
   * connection. Subscriptions then receive new events at once instead of at their next poll. A single `pg` client
   * notifies but cannot listen. No store can listen through a pooler in transaction mode: it then warns, with the code
   * `notifications-not-heard`.
   * @default false
   */
  readonly notify?: boolean | undefined
  /**
   * Called before the first use, once for each server setting that can lose events. A warning has a stable `code` and a
   * `message` that says what can be lost and which setting to change. If it throws, or its promise rejects, the current
   * call fails with that error, and the next call checks again. With `notify`, also called once if the store receives
   * no notifications. If it throws then, no call fails, and the warning goes to `process.emitWarning`.
   * @default `process.emitWarning`
   */
  readonly onWarning?: ((warning: StoreWarning) => void) | undefined
}

/** A transaction that is appending now. */
export interface PostgresWriter extends FrontierWriter {
  readonly pid: number
  readonly applicationName: string
}

/** An event store on Postgres: the contract of all stores, its tables, its frontier, and your own transactions. */
export interface PostgresStore<E extends Event = Event> extends EventStore<E, SqlTransaction> {
  /** Creates and describes the tables and functions of the store. */
  readonly schema: {
    /**
     * Creates the tables and functions, or brings them up to date, in one transaction. Any number of processes may call
     * it at the same time, also with different versions of the library: it never replaces functions by older ones. If a
     * newer version has updated the schema, and this version works on it, it changes nothing. Returns the status
     * afterwards.
     * @throws SchemaMismatchError if this version does not work on tables that a newer version has updated, a migration
     * was changed, or a newer version would have to create the trigger that protects events
     * @throws MissingPrivilegesError if the role may not create or change the tables
     */
    create(): Promise<SchemaReport>
    /**
     * Returns which migrations and functions are applied, and what endangers the events: see `warnings`. Changes nothing.
     * @throws SchemaMismatchError if this version does not work on tables that a newer version has updated, or a
     * migration was changed
     */
    status(): Promise<SchemaReport>
    /** Returns the SQL script that `create` runs on an empty database. Needs no connection. */
    sql(): string
    /**
     * Returns the SQL script with which the owner of the tables lets a role use the store: the role may call the
     * functions and read the tables, and nothing else. Run it again after each update of the library. After the script
     * of a newer version, an older one revokes nothing. Needs no connection.
     * @throws InvalidInputError if `role` is not the name of a role of your own
     */
    grantSql(role: string): string
  }
  /** Returns how far readers of the log can read now, and which transactions hold them back. */
  frontier(options?: CallOptions): Promise<Frontier & { readonly writers: readonly PostgresWriter[] }>
  /**
   * Returns the store inside your own transaction, which must be READ COMMITTED: its appends commit or roll back
   * together with your rows. It never retries, and it is usable until the transaction ends.
   *
   * Its calls throw `NotInTransactionError` if the connection is in no transaction, and `UnsupportedIsolationError` if
   * the transaction has another isolation level.
   * @throws InvalidInputError if `transaction` is not a transaction of `pg`, postgres.js or PGlite, or made by a bridge
   */
  inTransaction(transaction: PostgresTransaction): TransactionalStore<E>
}

/** The part of the store that works inside your own transaction. */
export type TransactionalStore<E extends Event = Event> = Pick<
  EventStore<E>,
  'append' | 'appendAll' | 'createStream' | 'readStream' | 'streamInfo' | 'events' | 'observe'
>

/**
 * Opens an event store on PostgreSQL 14 or later, or on the embedded PGlite. It connects on first use, and then checks
 * the database once. Its `close()` closes only connections that the store opened itself.
 *
 *     const store = postgresStore('postgres://user:password@host/database')
 *
 * If the check fails, every call throws `UnsupportedDatabaseError`, `SchemaMismatchError`, `MissingPrivilegesError`,
 * `ReadOnlyReplicaError` or `SequenceBehindError`. Each call repeats the check until it passes.
 * @throws InvalidInputError if `connection` or an option is invalid
 */
export function postgresStore<E extends Event = Event>(
  connection: PostgresConnection,
  options?: PostgresStoreOptions<E>,
): PostgresStore<E> {
  const {
    schema = 'eventsourced',
    inline: projections,
    events,
  } = optionsOf(options, ['schema', 'inline', 'events'])
  const {
    maxConnections = 10,
    retries = 9,
    maxBatch = 500,
    timeout = 30_000,
  } = optionsOf(options, ['maxConnections', 'retries', 'maxBatch', 'timeout'])
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
  checkMilliseconds(timeout, 'timeout', 1)
  const measure = observationOf(options)?.measure
  const inline = new InlineProjections(projections, events)
  const statements = statementsOf(schema)
  const database = new RetryingDatabase(
    connector(connection, { prepare, maxConnections, timeout }),
    retries,
    timeout,
    measure,
  )
  const nesting = nestingOf(connection)
  const runner = retryingRunner(
    database,
    (database) => startUp(database, { schema, statements, autoCreate, protectEvents, onWarning }),
    nesting,
  )
  const storage = postgresStorage(runner, statements, { maxBatch, timeout }, inline, measure)
  const hints = notify ? notifications(database, runner, statements, schema, onWarning) : undefined

  const store = eventStore<E, SqlTransaction>(
    { ...storage, notifications: hints, checkNesting: () => nesting.check() },
    options,
  )
  return {
    ...store,
    close() {
      database.endRetriesAfter(timeout)
      return store.close()
    },
    schema: {
      create: () =>
        database.use('Creating the tables', async (database) =>
          withWarnings(
            database,
            statements,
            schema,
            await createSchema(database, statements, schema, protectEvents),
          ),
        ),
      status: () =>
        database.use('Reading the state of the tables', async (database) =>
          withWarnings(
            database,
            statements,
            schema,
            await schemaStatus(database, statements, schema, protectEvents),
          ),
        ),
      sql: () => schemaScript(schema),
      grantSql: (role) => grantScript(schema, role),
    },
    frontier: store.frontier as PostgresStore<E>['frontier'],
    inTransaction(transaction) {
      const session = sessionRunner(sessionOf(transaction, prepare), statements)
      // The caller commits, so this storage measures no commit.
      const storage = postgresStorage(session, statements, { maxBatch: 1, timeout }, inline)
      // A snapshot is written after the command, when the transaction may be over, and the failure of one would end it.
      const { snapshots: _, ...inside } = eventStore(storage, options)
      return inside
    },
  }
}
