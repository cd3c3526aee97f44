/** The kinds of connection on which a store can be opened on a server, each with the function that closes it. */
import type { PostgresConnection } from '@eventsourced/core/postgres'
import pg from 'pg'
import postgres from 'postgres'

interface Connected {
  readonly connection: PostgresConnection
  end(): Promise<unknown>
}

export const connections: readonly [name: string, connect: (url: string) => Connected][] = [
  ['a URL', (url) => ({ connection: url, end: async () => {} })],
  [
    'a pool of pg',
    (url) => {
      const pool = new pg.Pool({ connectionString: url })
      return { connection: pool, end: () => pool.end() }
    },
  ],
  [
    'postgres.js',
    (url) => {
      // Without this option the driver fetches types, which the store does not need. If that is cut off, it leaves an
      // unhandled rejection.
      const sql = postgres(url, { fetch_types: false, onnotice: () => {} })
      return { connection: sql, end: () => sql.end({ timeout: 1 }) }
    },
  ],
]
