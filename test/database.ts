/** Creates an empty database on the test server, and is the one way to drop it. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { sleep } from '../src/runtime/abort.ts'

export interface TestDatabase {
  readonly url: string
  drop(): Promise<void>
}

/** How long `connectionsClosed` waits for all connections to close, in milliseconds. */
const closingTime = 5_000

export async function createDatabase(serverUrl: string | undefined): Promise<TestDatabase> {
  if (serverUrl === undefined) throw new Error('This test needs a Postgres server, but none was started')
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await withClient(serverUrl, (client) => client.query(`create database ${name}`))
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => dropDatabase(serverUrl, name) }
}

/** Drops the database once its connections are closed; a connection that stays open is cut off. */
export async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  await withClient(serverUrl, async (client) => {
    await connectionsClosed(client, name)
    await client.query(`drop database if exists ${name} with (force)`)
  })
}

/**
 * Waits until the server has closed the connections to one database, or to all of them, but for that of `client`.
 * A pool of `pg` ends before its sockets do. If the server cuts one of them off meanwhile, the ended pool emits an
 * error, and a pool without a listener for it ends the process.
 */
export async function connectionsClosed(client: pg.Client, database: string | null = null): Promise<void> {
  const deadline = performance.now() + closingTime
  while (performance.now() < deadline) {
    const { rows } = await client.query(
      `select from pg_stat_activity
       where backend_type = 'client backend' and pid <> pg_backend_pid() and datname = coalesce($1, datname)`,
      [database],
    )
    if (rows.length === 0) return
    await sleep(5)
  }
}

async function withClient(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
