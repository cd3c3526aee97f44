/** Worlds on one embedded PGlite in memory, one after the other in the same tables. */
import { PGlite } from '@electric-sql/pglite'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import type { RunningStore } from '../store-under-test.ts'
import { emptying } from './schemas.ts'

const unable = async () => {
  throw new Error('The store on PGlite lacks this capability')
}

// Hundreds of schemas, made and dropped in one session, would make everything in it many times slower.
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
        begin: unable,
        openBehindProxy: unable,
        async end() {
          for (const store of opened) await store.close()
          await pglite.exec(emptying(schema))
          inUse = false
        },
      }
    },
    stop: () => pglite.close(),
  }
}
