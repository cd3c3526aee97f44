/**
 * Creates a database for one test on the Postgres server of the run, with connections beside the store's. It is the
 * oldest supported server if STORES names only stores on that one.
 */
import pg from 'pg'
import { inject } from 'vitest'
import { createDatabase } from '../database.ts'

/** The URL of a superuser on that server. */
export function serverUrl(): string | undefined {
  const { postgres, postgres14 } = inject('servers')
  return postgres ?? postgres14
}

export interface FreshDatabase {
  readonly url: string
  /** Runs one statement, or several if there are no parameters. Use `session` for a transaction that stays open. */
  query<Row extends pg.QueryResultRow>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>
  /** Opens one more connection, which `drop` closes. `as`: the URL of another role. */
  session(applicationName?: string, as?: string): Promise<pg.Client>
  drop(): Promise<void>
}

export async function freshDatabase(): Promise<FreshDatabase> {
  const { url, drop } = await createDatabase(serverUrl())
  const sessions: pg.Client[] = []

  async function session(applicationName = 'session', as = url): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: as, application_name: applicationName })
    client.on('error', () => {})
    await client.connect()
    sessions.push(client)
    return client
  }

  const observer = await session('observer')
  return {
    url,
    async query<Row extends pg.QueryResultRow>(sql: string, parameters?: readonly unknown[]) {
      return (await observer.query<Row>(sql, parameters && [...parameters])).rows
    },
    session,
    async drop() {
      await Promise.all(sessions.map((client) => client.end()))
      await drop()
    },
  }
}
