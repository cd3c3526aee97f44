/** Worlds on a Postgres server through postgres.js. They share one database; the tables are emptied between two worlds. */
import type { StoreOptions } from '@eventsourced/core'
import type { OpenTransaction } from '@eventsourced/core/conformance'
import { postgresStore } from '@eventsourced/core/postgres'
import postgres from 'postgres'
import { CuttingPostgresProxy } from '../cutting-proxy.ts'
import { createDatabase } from '../database.ts'
import type { RunningStore } from '../store-under-test.ts'
import { Pools, WorldSchemas } from './schemas.ts'

export async function startPostgresJs(serverUrl: string | undefined): Promise<RunningStore> {
  const database = await createDatabase(serverUrl)
  const schemas = await WorldSchemas.in(database.url)
  const pools = new Pools((max) => connect(database.url, max))
  // These clients fetch the types: without that, a new connection cannot be reserved (porsager/postgres#1219).
  const reservable = new Pools((max) => connect(database.url, max, true))
  return {
    async world() {
      const schema = schemas.enter()
      let mayHaveLatecomers = false
      const ends: (() => Promise<unknown>)[] = []

      function takePool(max: number, from = pools) {
        const sql = from.take(max)
        ends.unshift(async () => from.release(max, sql))
        return sql
      }

      function newStore(sql: postgres.Sql, options: StoreOptions = {}) {
        const store = postgresStore(sql, { ...options, schema })
        ends.unshift(() => store.close())
        return store
      }

      let forTransactions: { store: ReturnType<typeof newStore>; sql: postgres.Sql } | undefined
      return {
        open: async (options) => newStore(takePool(10), options),
        async begin() {
          if (forTransactions === undefined) {
            const store = newStore(takePool(10))
            await store.schema.create()
            forTransactions = { store, sql: takePool(40, reservable) }
          }
          const { store, sql } = forTransactions
          const reserved = await sql.reserve()
          let open = true
          await reserved.unsafe('begin isolation level read committed')
          const close = async (statement: string) => {
            if (!open) return
            open = false
            await reserved.unsafe(statement)
            reserved.release()
          }
          ends.unshift(() => close('rollback'))
          const transactional = store.inTransaction(reserved)
          const transaction: OpenTransaction = {
            append: (streamId, events, options) => transactional.append(streamId, events, options),
            writeElsewhere: async () => void (await reserved.unsafe('select pg_current_xact_id()')),
            commit: () => close('commit'),
            rollback: () => close('rollback'),
          }
          return transaction
        },
        async openBehindProxy() {
          const proxy = await CuttingPostgresProxy.start(database.url)
          ends.unshift(() => proxy.stop())
          mayHaveLatecomers = true
          const sql = connect(proxy.url, 10)
          ends.unshift(() => sql.end({ timeout: 0 }))
          const store = newStore(sql)
          await store.schema.create()
          return { store, proxy }
        },
        async end() {
          for (const end of ends) await end()
          await schemas.leave(schema, { mayHaveLatecomers })
        },
      }
    },
    async stop() {
      for (const some of [pools, reservable]) await some.end((sql) => sql.end({ timeout: 0 }))
      await schemas.close()
      await database.drop()
    },
  }
}

function connect(url: string, max: number, fetchesTypes = false): postgres.Sql {
  // `fetch_types` is off where possible: if a world ends a connection while it fetches the types, the driver leaves an
  // unhandled rejection.
  return postgres(url, { max, fetch_types: fetchesTypes, onnotice: () => {}, backoff: () => 0.02 })
}
