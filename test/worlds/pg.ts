/** Worlds on a Postgres server through `pg`: a database for all of them, a schema and connections for each. */
import type { StoreOptions } from '@eventsourced/core'
import type { OpenTransaction } from '@eventsourced/core/conformance'
import { type PostgresStoreOptions, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { CuttingPostgresProxy } from '../cutting-proxy.ts'
import { createDatabase } from '../database.ts'
import type { RunningStore, World } from '../stores.ts'

export interface PgWorld extends World {
  /** Where its tables are, for whoever wants to look at them. */
  readonly url: string
  readonly schema: string
}

interface RunningPg extends RunningStore {
  world(): Promise<PgWorld>
}

export async function startPg(
  serverUrl: string | undefined,
  options: Pick<PostgresStoreOptions, 'maxBatch'> = {},
): Promise<RunningPg> {
  const database = await createDatabase(serverUrl)
  let worlds = 0
  return {
    async world() {
      const schema = `case_${++worlds}`
      const ends: (() => Promise<unknown>)[] = []

      /** Every store has a pool of its own, as in processes of their own. */
      function newPool(connectionString: string, max: number) {
        const pool = new pg.Pool({ connectionString, max })
        pool.on('error', () => {})
        ends.unshift(() => pool.end())
        return pool
      }

      function newStore(url: string, own: StoreOptions = {}) {
        const store = postgresStore(newPool(url, 10), { ...options, ...own, schema })
        ends.unshift(() => store.close())
        return store
      }

      let forTransactions: { store: ReturnType<typeof newStore>; pool: pg.Pool } | undefined
      return {
        url: database.url,
        schema,
        open: async (own) => newStore(database.url, own),
        async begin() {
          if (forTransactions === undefined) {
            const store = newStore(database.url)
            await store.schema.create()
            forTransactions = { store, pool: newPool(database.url, 40) }
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
          const proxy = await CuttingPostgresProxy.start(database.url)
          ends.unshift(() => proxy.stop())
          const store = newStore(proxy.url)
          await store.schema.create()
          return { store, proxy }
        },
        async end() {
          for (const end of ends) await end()
        },
      }
    },
    stop: () => database.drop(),
  }
}
