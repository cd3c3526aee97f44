/** Describes the sessions of a Postgres server, for the error message of a campaign that does not end. */
import pg from 'pg'
import type { StoreAddress } from './task.ts'

/**
 * Returns a line for each session that is in a transaction, with the process ids that block it. Returns an empty text
 * if the store is not on a Postgres server.
 */
export async function activityOf(address: StoreAddress): Promise<string> {
  if (address.kind !== 'postgres') return ''
  const client = new pg.Client({ connectionString: address.url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ line: string }>(
      `select concat_ws(' ', pid, state, wait_event_type, wait_event, now() - xact_start, pg_blocking_pids(pid), left(query, 200))
        as line
      from pg_stat_activity where xact_start is not null and pid <> pg_backend_pid() order by xact_start`,
    )
    return rows.map(({ line }) => `\n${line}`).join('')
  } catch (error) {
    return `\nthe sessions of the server are unknown: ${(error as Error).message}`
  } finally {
    await client.end().catch(() => {})
  }
}
