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
import { drizzle as drizzlePGlite } from 'drizzle-orm/pglite'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import postgres from 'postgres'

export type Isolation = 'read committed' | 'repeatable read' | 'serializable'

/** One driver's connection to a database. */
export interface TransactionDriver {
  /** The connection to open a store on. */
  readonly connection: PostgresConnection
  /** Runs the work in a transaction: committed at its end, or rolled back if it throws. */
  transact<T>(isolation: Isolation, work: (transaction: UserTransaction) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** A transaction of user code: runs its own statements, and has the handle that it passes to the store. */
export interface UserTransaction {
  readonly handle: PostgresTransaction
  run(statement: string): Promise<unknown>
}

export const drivers: Readonly<Record<string, (url: string) => Promise<TransactionDriver>>> = {
  pg: async (url) => {
    const pool = new pg.Pool({ connectionString: url })
    return {
      connection: pool,
      async transact(isolation, work) {
        const client = await pool.connect()
        try {
          await client.query(`begin isolation level ${isolation}`)
          const result = await work({ handle: client, run: (statement) => client.query(statement) })
          await client.query('commit')
          return result
        } catch (error) {
          await client.query('rollback')
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
          work({ handle: transaction, run: (statement) => transaction.unsafe(statement) }),
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
          return work({ handle: transaction, run: (statement) => transaction.exec(statement) })
        }),
      close: () => pglite.close(),
    }
  },

  Kysely: async (url) => {
    const pool = new pg.Pool({ connectionString: url })
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

  'Drizzle on pg': async (url) => {
    const pool = new pg.Pool({ connectionString: url })
    const drizzle = drizzlePg(pool)
    return {
      connection: pool,
      transact: (isolationLevel, work) =>
        drizzle.transaction(
          (transaction) =>
            work({
              handle: fromDrizzle(transaction, drizzleSql),
              run: (statement) => transaction.execute(drizzleSql.raw(statement)),
            }),
          { isolationLevel },
        ),
      close: () => pool.end(),
    }
  },

  'Drizzle on postgres.js': async (url) => {
    const sql = postgres(url)
    const drizzle = drizzlePostgresJs(sql)
    return {
      connection: sql,
      transact: (isolationLevel, work) =>
        drizzle.transaction(
          (transaction) =>
            work({
              handle: fromDrizzle(transaction, drizzleSql),
              run: (statement) => transaction.execute(drizzleSql.raw(statement)),
            }),
          { isolationLevel },
        ),
      close: () => sql.end(),
    }
  },

  'Drizzle on PGlite': async () => {
    const pglite = await PGlite.create()
    const drizzle = drizzlePGlite(pglite)
    return {
      connection: pglite,
      transact: (isolationLevel, work) =>
        drizzle.transaction(
          (transaction) =>
            work({
              handle: fromDrizzle(transaction, drizzleSql),
              run: (statement) => transaction.execute(drizzleSql.raw(statement)),
            }),
          { isolationLevel },
        ),
      close: () => pglite.close(),
    }
  },
}
