/** What a store can be opened with on a server, and how that is ended. */
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
      // Its look at the types, which we need not, would leave a rejection unhandled when it is cut off.
      const sql = postgres(url, { fetch_types: false, onnotice: () => {} })
      return { connection: sql, end: () => sql.end({ timeout: 1 }) }
    },
  ],
]
