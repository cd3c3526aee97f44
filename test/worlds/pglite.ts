/** Worlds on one embedded PGlite in memory. Each uses the same tables, one after the other. */
import { PGlite } from '@electric-sql/pglite'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import type { RunningStore } from '../store-under-test.ts'
import { truncateScript } from './schemas.ts'

const missingCapability = async () => {
  throw new Error('The store on PGlite lacks this capability')
}

// Creating and dropping hundreds of schemas in one session would slow down the whole session many times over.
const schema = 'eventsourced'

export async function startPGlite(): Promise<RunningStore> {
  const pglite = await PGlite.create()
  await postgresStore(pglite, { schema }).schema.create()
  let inUse = false
  return {
    async world() {
      if (inUse) throw new Error('The world before has not ended')
      inUse = true
      const opened: PostgresStore[] = []
      return {
        async open(options) {
          const store = postgresStore(pglite, { ...options, schema })
          opened.push(store)
          return store
        },
        begin: missingCapability,
        openBehindProxy: missingCapability,
        async end() {
          for (const store of opened) await store.close()
          await pglite.exec(truncateScript(schema))
          inUse = false
        },
      }
    },
    stop: () => pglite.close(),
  }
}
