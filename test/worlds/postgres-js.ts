/** Worlds on a Postgres server through postgres.js: a database for all of them, a schema and connections for each. */
import type { StoreOptions } from '@eventsourced/core'
import type { OpenTransaction } from '@eventsourced/core/conformance'
import { postgresStore } from '@eventsourced/core/postgres'
import postgres from 'postgres'
import { CuttingPostgresProxy } from '../cutting-proxy.ts'
import { createDatabase } from '../database.ts'
import type { RunningStore } from '../stores.ts'

export async function startPostgresJs(serverUrl: string | undefined): Promise<RunningStore> {
  const database = await createDatabase(serverUrl)
  let worlds = 0
  return {
    async world() {
      const schema = `case_${++worlds}`
      const ends: (() => Promise<unknown>)[] = []

      function connect(url: string, max: number) {
        const sql = postgres(url, { max, onnotice: () => {}, backoff: () => 0.02 })
        ends.unshift(() => sql.end({ timeout: 0 }))
        return sql
      }

      function newStore(url: string, options: StoreOptions = {}) {
        const store = postgresStore(connect(url, 10), { ...options, schema })
        ends.unshift(() => store.close())
        return store
      }

      let forTransactions: { store: ReturnType<typeof newStore>; sql: postgres.Sql } | undefined
      return {
        open: async (options) => newStore(database.url, options),
        async begin() {
          if (forTransactions === undefined) {
            const store = newStore(database.url)
            await store.schema.create()
            forTransactions = { store, sql: connect(database.url, 40) }
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
