/** Worlds on one embedded PGlite in memory: a schema each. */
import { PGlite } from '@electric-sql/pglite'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import type { RunningStore } from '../stores.ts'

const unable = async () => {
  throw new Error('The store on PGlite lacks this capability')
}

export async function startPGlite(): Promise<RunningStore> {
  const pglite = await PGlite.create()
  let worlds = 0
  return {
    async world() {
      const schema = `case_${++worlds}`
      const opened: PostgresStore[] = []
      return {
        async open(options) {
          const store = postgresStore(pglite, { ...options, schema })
          opened.push(store)
          return store
        },
        begin: unable,
        openBehindProxy: unable,
        async end() {
          for (const store of opened) await store.close()
          await pglite.exec(`drop schema if exists ${schema} cascade`)
        },
      }
    },
    stop: () => pglite.close(),
  }
}
