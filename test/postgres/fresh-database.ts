/** A database of a test's own on the Postgres server of the run, with connections to act and look beside the store. */
import pg from 'pg'
import { inject } from 'vitest'
import { createDatabase } from '../database.ts'

export interface FreshDatabase {
  readonly url: string
  /** Runs one statement, or without parameters several. Never leave a transaction open here: see `session`. */
  query<Row extends pg.QueryResultRow>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>
  /** One more connection, which is closed with the database. `as`: the URL of another role. */
  session(applicationName?: string, as?: string): Promise<pg.Client>
  drop(): Promise<void>
}

export async function freshDatabase(): Promise<FreshDatabase> {
  const { url, drop } = await createDatabase(inject('servers').postgres)
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
