/** Every kind of transaction that a caller can pass to the store. */
import { PGlite } from '@electric-sql/pglite'
import {
  fromDrizzle,
  fromKysely,
  type PostgresConnection,
  type PostgresTransaction,
} from '@eventsourced/core/postgres'
import { sql as drizzleSql } from 'drizzle-orm'
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import type { PgTransaction } from 'drizzle-orm/pg-core'
import { drizzle as drizzlePGlite } from 'drizzle-orm/pglite'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import { CompiledQuery, type ControlledTransaction, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import postgres from 'postgres'

export type Isolation = 'read committed' | 'repeatable read' | 'serializable'

/** One driver's connection to a database. */
export interface TransactionDriver {
  /** The connection to open a store on. */
  readonly connection: PostgresConnection
  /** Runs the work in a transaction: committed at its end, or rolled back if it throws. */
  transact<T>(isolation: Isolation, work: (transaction: UserTransaction) => Promise<T>): Promise<T>
  close(): Promise<unknown>
}

export type OpenDriver = (url: string) => Promise<TransactionDriver>

/** A transaction of user code: runs its own statements, and has the handle that it passes to the store. */
export interface UserTransaction {
  readonly handle: PostgresTransaction
  run(statement: string): Promise<unknown>
  /**
   * Runs the work in a nested transaction: a savepoint, to which the driver or the ORM rolls back if the work throws.
   * Absent if it has none.
   */
  nested?(work: (inner: UserTransaction) => Promise<void>): Promise<unknown>
}

/** Opens a pool whose clients may lose their connection while user code holds them. Otherwise that ends the process. */
function openPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString })
  pool.on('connect', (client) => client.on('error', () => {}))
  pool.on('error', () => {})
  return pool
}

/** A driver without nested transactions: the user writes the savepoints. */
function bySavepoints(
  handle: PostgresTransaction,
  run: (statement: string) => Promise<unknown>,
): UserTransaction {
  return {
    handle,
    run,
    async nested(work) {
      await run('savepoint inner_one')
      await work(bySavepoints(handle, run)).catch(async (error: unknown) => {
        await run('rollback to savepoint inner_one')
        throw error
      })
    },
  }
}

function inPostgresJs(transaction: postgres.TransactionSql): UserTransaction {
  return {
    handle: transaction,
    run: (statement) => transaction.unsafe(statement),
    nested: (work) => transaction.savepoint((inner) => work(inPostgresJs(inner))),
  }
}

function inKysely(transaction: ControlledTransaction<Record<string, never>, string[]>): UserTransaction {
  return {
    handle: fromKysely(transaction),
    run: (statement) => transaction.executeQuery(CompiledQuery.raw(statement)),
    async nested(work) {
      const inner = await transaction.savepoint('inner_one').execute()
      await work(inKysely(inner)).catch(async (error: unknown) => {
        await inner.rollbackToSavepoint('inner_one').execute()
        throw error
      })
    },
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the type of a result differs by driver
function inDrizzle(transaction: PgTransaction<any, any, any>): UserTransaction {
  return {
    handle: fromDrizzle(transaction, drizzleSql),
    run: (statement) => transaction.execute(drizzleSql.raw(statement)),
    nested: (work) => transaction.transaction((inner) => work(inDrizzle(inner))),
  }
}

export const drivers: Readonly<Record<string, OpenDriver>> = {
  pg: async (url) => {
    const pool = openPool(url)
    return {
      connection: pool,
      async transact(isolation, work) {
        const client = await pool.connect()
        try {
          await client.query(`begin isolation level ${isolation}`)
          const result = await work(bySavepoints(client, (statement) => client.query(statement)))
          await client.query('commit')
          return result
        } catch (error) {
          await client.query('rollback').catch(() => {})
          throw error
        } finally {
          client.release()
        }
      },
      close: () => pool.end(),
    }
  },

  'postgres.js': async (url) => {
    const sql = postgres(url)
    return {
      connection: sql,
      transact: async (isolation, work) =>
        (await sql.begin(`isolation level ${isolation}`, (transaction) =>
          work(inPostgresJs(transaction)),
        )) as Awaited<ReturnType<typeof work>>,
      close: () => sql.end(),
    }
  },

  PGlite: async () => {
    const pglite = await PGlite.create()
    return {
      connection: pglite,
      transact: (isolation, work) =>
        pglite.transaction(async (transaction) => {
          await transaction.exec(`set transaction isolation level ${isolation}`)
          return work(bySavepoints(transaction, (statement) => transaction.exec(statement)))
        }),
      close: () => pglite.close(),
    }
  },

  Kysely: async (url) => {
    const pool = openPool(url)
    const kysely = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) })
    return {
      connection: pool,
      transact: (isolation, work) =>
        kysely
          .transaction()
          .setIsolationLevel(isolation)
          .execute((transaction) =>
            work({
              handle: fromKysely(transaction),
              run: (statement) => transaction.executeQuery(CompiledQuery.raw(statement)),
            }),
          ),
      close: () => kysely.destroy(),
    }
  },

  'Kysely, begun by hand': async (url) => {
    const pool = openPool(url)
    const kysely = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) })
    return {
      connection: pool,
      async transact(isolation, work) {
        const transaction = await kysely.startTransaction().setIsolationLevel(isolation).execute()
        try {
          const result = await work(inKysely(transaction))
          await transaction.commit().execute()
          return result
        } catch (error) {
          await transaction.rollback().execute()
          throw error
        }
      },
      close: () => kysely.destroy(),
    }
  },

  'Drizzle on pg': async (url) => {
    const pool = openPool(url)
    const drizzle = drizzlePg(pool)
    return {
      connection: pool,
      transact: (isolationLevel, work) =>
        drizzle.transaction((transaction) => work(inDrizzle(transaction)), { isolationLevel }),
      close: () => pool.end(),
    }
  },

  'Drizzle on postgres.js': async (url) => {
    const sql = postgres(url)
    const drizzle = drizzlePostgresJs(sql)
    return {
      connection: sql,
      transact: (isolationLevel, work) =>
        drizzle.transaction((transaction) => work(inDrizzle(transaction)), { isolationLevel }),
      close: () => sql.end(),
    }
  },

  'Drizzle on PGlite': async () => {
    const pglite = await PGlite.create()
    const drizzle = drizzlePGlite(pglite)
    return {
      connection: pglite,
      transact: (isolationLevel, work) =>
        drizzle.transaction((transaction) => work(inDrizzle(transaction)), { isolationLevel }),
      close: () => pglite.close(),
    }
  },
}
