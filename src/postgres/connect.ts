/**
 * Recognizes the kind of connection or transaction that the caller passed, and makes a `Database` or a `Session` of it.
 */
import { beginning, driverError, InvalidInputError, readSafely, refuse } from '../storage/index.ts'
import type { Database, Session } from './client.ts'
import { fromPgClient, type PgClient } from './from-pg.ts'
import { fromLoneClient } from './from-pg-lone-client.ts'
import { fromPgPool, type PgPool } from './from-pg-pool.ts'
import {
  fromPGlite,
  fromPGliteSession,
  openPGlite,
  type PGliteDatabase,
  type PGliteSession,
} from './from-pglite.ts'
import {
  checkTransform,
  fromCallersTransaction,
  fromPostgresJs,
  type PostgresJs,
  type PostgresJsSession,
} from './from-postgres-js.ts'
import { checkNeedsNoBridge, checkNoOrm } from './orm-object.ts'

/**
 * Where the database is: a `postgres://` URL, `pglite:memory`, `pglite:` and a folder, a `pg` Pool or connected
 * Client, the result of `postgres()` (postgres.js), or a PGlite instance.
 */
export type PostgresConnection = string | PgPool | PgClient | PostgresJs | PGliteDatabase

/**
 * The caller's own transaction: a `pg` client inside one, a postgres.js or PGlite transaction, or the result of a
 * bridge: `fromKysely`, `fromDrizzle`, `fromPrisma`, `fromKnex`, `fromTypeOrm` or `fromMikroOrm`.
 */
export type PostgresTransaction =
  | (PgClient & { readonly totalCount?: never })
  | (PostgresJsSession & { readonly begin?: never })
  // A reserved connection of postgres.js, on which the caller began by hand.
  | (PostgresJsSession & { release(): void })
  | (PGliteSession & { readonly waitReady?: never })
  | Session

export interface ConnectOptions {
  /** Whether statements are prepared by name. */
  readonly prepare: boolean
  /** Maximum number of connections in a pool that the store opens itself. */
  readonly maxConnections: number
  /** How long the database may be silent before the store closes a connection, in milliseconds. */
  readonly timeout: number
}

/**
 * Returns the function that opens the connection.
 * @throws InvalidInputError if `connection` is not one that the store accepts
 */
export function connector(connection: PostgresConnection, options: ConnectOptions): () => Promise<Database> {
  return readSafely('connection', connection, () => connectorOf(connection, options))
}

function connectorOf(
  connection: PostgresConnection,
  { prepare, maxConnections, timeout }: ConnectOptions,
): () => Promise<Database> {
  checkNoOrm(connection)
  if (typeof connection === 'string') {
    if (/^postgres(ql)?:\/\//.test(connection)) {
      return () => openPool(connection, { prepare, maxConnections, timeout })
    }
    const folder = /^pglite:(.+)$/.exec(connection)?.[1]
    if (folder !== undefined) return () => openPGlite(folder)
  } else if (typeof connection === 'function') {
    if ('unsafe' in connection && 'begin' in connection) {
      checkTransform(connection)
      return async () => fromPostgresJs(connection, prepare, timeout)
    }
  } else if (typeof connection === 'object' && connection !== null) {
    if ('waitReady' in connection) return async () => fromPGlite(connection)
    if ('totalCount' in connection)
      return async () => fromPgPool(connection, { prepare, owned: false, timeout })
    if ('query' in connection) return async () => fromLoneClient(connection, prepare, timeout)
  }
  throw new InvalidInputError(
    'connection',
    "must be a postgres:// URL, 'pglite:memory', 'pglite:' and a folder, or a client of pg, postgres.js or PGlite",
    // A URL may hold a password: the error shows only the part before the first colon.
    typeof connection === 'string' ? beginning(`${connection.split(':')[0]}…`) : beginning(connection),
  )
}

/**
 * Makes a session of the caller's transaction.
 * @throws InvalidInputError if `transaction` is not one that the store accepts
 */
export function sessionOf(transaction: PostgresTransaction, prepare: boolean): Session {
  return readSafely('transaction', transaction, () => sessionIn(transaction, prepare))
}

function sessionIn(transaction: PostgresTransaction, prepare: boolean): Session {
  checkNeedsNoBridge(transaction)
  const { query, unsafe } = (transaction ?? {}) as { readonly query?: unknown; readonly unsafe?: unknown }
  if (typeof transaction !== 'function' && typeof query !== 'function' && typeof unsafe !== 'function') {
    refuse(
      'transaction',
      'must be a transaction of pg, postgres.js or PGlite, or the result of a bridge such as `fromPrisma(tx)`',
      transaction,
    )
  }
  for (const [property, remedy] of Object.entries(notTransactions)) {
    if (property in transaction && !('release' in transaction)) refuse('transaction', remedy, transaction)
  }
  if (typeof transaction === 'function') return fromCallersTransaction(transaction, prepare)
  if ('run' in transaction) return transaction
  if ('unsafe' in transaction) return fromCallersTransaction(transaction, prepare)
  if ('exec' in transaction) return fromPGliteSession(transaction)
  return fromPgClient(transaction, prepare)
}

/** A property that only a pool or a whole client has, and what to pass in its place. */
const notTransactions = {
  totalCount: 'must not be a pool, whose every statement may use another client: pass the client that began',
  begin: 'must be a transaction: pass the one that the callback of `sql.begin` receives',
  waitReady: 'must be a transaction: pass the one that the callback of `pglite.transaction` receives',
} as const

async function openPool(
  connectionString: string,
  { prepare, maxConnections, timeout }: ConnectOptions,
): Promise<Database> {
  const { default: pg } = await loadPg()
  const waits = { keepAlive: true, connectionTimeoutMillis: timeout }
  const pool = new pg.Pool({ ...waits, connectionString, max: maxConnections })
  return fromPgPool(pool, { prepare, owned: true, timeout })
}

async function loadPg() {
  try {
    return await import('pg')
  } catch (error) {
    throw driverError('pg', error)
  }
}
