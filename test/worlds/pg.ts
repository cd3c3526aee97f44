/** Worlds on a Postgres server through `pg`. They share one database; the tables are emptied between two worlds. */
import type { StoreOptions } from '@eventsourced/core'
import type { OpenTransaction } from '@eventsourced/core/conformance'
import { type PostgresStore, type PostgresStoreOptions, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { createApplicationRole } from '../application-role.ts'
import { CuttingPostgresProxy } from '../cutting-proxy.ts'
import { createDatabase } from '../database.ts'
import { type PgBouncerOptions, startPgBouncer } from '../start-pgbouncer.ts'
import type { RunningStore, World } from '../store-under-test.ts'
import { Pools, WorldSchemas } from './schemas.ts'

export interface PgWorld extends World {
  /** The URL of the database that has the world's tables. A test may inspect them. */
  readonly url: string
  readonly schema: string
}

interface RunningPg extends RunningStore {
  world(): Promise<PgWorld>
}

interface PgOptions extends Pick<PostgresStoreOptions, 'maxBatch' | 'prepare'> {
  /** Whether the stores connect as a role that does not own the tables. */
  readonly asApplication?: boolean
  /** The stores and the transactions connect through a pooler with these options. */
  readonly pooler?: PgBouncerOptions
}

/** Starts the worlds of one store. */
export async function startPg(
  serverUrl: string | undefined,
  { asApplication = false, pooler: poolerOptions, ...options }: PgOptions = {},
): Promise<RunningPg> {
  const database = await createDatabase(serverUrl)
  const schemas = await WorldSchemas.in(database.url)
  const role = asApplication ? await createApplicationRole(database.url) : undefined
  const ownUrl = role?.url ?? database.url
  const pooler = poolerOptions && (await startPgBouncer(ownUrl, poolerOptions))
  const url = pooler?.url ?? ownUrl
  const withTables = new Set<string>()
  const pools = new Pools((max) => newPool(url, max))
  return {
    async world() {
      const schema = schemas.enter()
      if (role !== undefined && !withTables.has(schema)) await role.createTables(schema)
      withTables.add(schema)
      let mayHaveLatecomers = false
      const ends: (() => Promise<unknown>)[] = []

      /** Every store has its own pool, as if it ran in its own process. */
      function takePool(max: number) {
        const pool = pools.take(max)
        ends.unshift(async () => pools.release(max, pool))
        return pool
      }

      function newStore(pool: pg.Pool, own: StoreOptions = {}) {
        const store = postgresStore(pool, { ...options, ...own, schema })
        ends.unshift(() => store.close())
        return store
      }

      const createTables = async (store: PostgresStore) => {
        if (role === undefined) await store.schema.create()
      }

      let forTransactions: { store: ReturnType<typeof newStore>; pool: pg.Pool } | undefined
      return {
        url: database.url,
        schema,
        open: async (own) => newStore(takePool(10), own),
        async begin() {
          if (forTransactions === undefined) {
            const store = newStore(takePool(10))
            await createTables(store)
            forTransactions = { store, pool: takePool(40) }
          }
          const { store, pool } = forTransactions
          const client = await pool.connect()
          let open = true
          await client.query('begin isolation level read committed')
          const close = async (statement: string) => {
            if (!open) return
            open = false
            await client.query(statement)
            client.release()
          }
          ends.unshift(() => close('rollback'))
          const transactional = store.inTransaction(client)
          const transaction: OpenTransaction = {
            append: (streamId, events, options) => transactional.append(streamId, events, options),
            writeElsewhere: async () => void (await client.query('select pg_current_xact_id()')),
            commit: () => close('commit'),
            rollback: () => close('rollback'),
          }
          return transaction
        },
        async openBehindProxy() {
          const proxy = await CuttingPostgresProxy.start(url)
          ends.unshift(() => proxy.stop())
          mayHaveLatecomers = true
          const pool = newPool(proxy.url, 10)
          ends.unshift(() => pool.end())
          const store = newStore(pool)
          await createTables(store)
          return { store, proxy }
        },
        async end() {
          for (const end of ends) await end()
          await schemas.leave(schema, { mayHaveLatecomers })
        },
      }
    },
    async stop() {
      await pools.end((pool) => pool.end())
      await pooler?.stop()
      await schemas.close()
      await database.drop()
      await role?.drop(serverUrl)
    },
  }
}

function newPool(connectionString: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString, max, idleTimeoutMillis: 0 })
  pool.on('error', () => {})
  return pool
}
