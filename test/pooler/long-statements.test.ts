/**
 * Statements that run for longer than the store's `timeout`, behind a pooler.
 *
 * The fault: a pooler gives its clients process ids that no server process has. So the store found no process that
 * works on the statement, took the connection for silent, and began the transaction again. A transactional handler with
 * such a statement never ended, and its event came again and again. A migration failed after all retries.
 */
import { type PostgresConnection, type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { counted } from '../../src/conformance/events.ts'
import { createDatabase, type TestDatabase } from '../database.ts'
import { type StartedPgBouncer, startPgBouncer } from '../start-pgbouncer.ts'

const timeout = 2_000

let database: TestDatabase
let pooler: StartedPgBouncer
beforeAll(async () => {
  database = await createDatabase(inject('servers').postgres)
  pooler = await startPgBouncer(database.url, { tracksPrepared: false, poolSize: 5 })
})
afterAll(async () => {
  await pooler.stop()
  await database.drop()
})

const kinds: readonly [string, () => PostgresConnection & { end(): Promise<unknown> }][] = [
  ['a pool of pg', () => new pg.Pool({ connectionString: pooler.url, max: 4 })],
  ['postgres.js', () => postgres(pooler.url, { max: 4, prepare: false, fetch_types: false, onnotice() {} })],
]

describe.each(kinds)('behind PgBouncer, a store on %s', (name, connect) => {
  const schema = name.replaceAll(/\W/g, '_')

  async function withStore(work: (store: PostgresStore) => Promise<void>): Promise<void> {
    const connection = connect()
    const store = postgresStore(connection, { schema, timeout, prepare: false })
    try {
      await work(store)
    } finally {
      await store.close()
      await connection.end()
    }
  }

  it('waits for a statement of a transactional handler that takes longer than its timeout', () =>
    withStore(async (store) => {
      await store.append('a', counted(1))
      let calls = 0
      const handler = store.subscribe({
        name: 'slow',
        transactional: true,
        onError: { retries: 0 },
        async handle(_event, { tx }) {
          calls++
          if (calls > 1) throw new Error('called again')
          await tx.query('select pg_sleep(6)')
        },
      })
      await handler.caughtUp({ timeout: 30_000 })
      await handler.stop()
      expect(calls).toBe(1)
    }))

  it('creates its tables while another process does so for longer than its timeout', () =>
    withStore(async (store) => {
      const other = new pg.Client(database.url)
      await other.connect()
      try {
        await other.query(
          `begin; select pg_advisory_xact_lock(hashtext('eventsourced migrations of ${schema}'))`,
        )
        const creating = store.schema.create()
        const waiters = `select pid from pg_stat_activity where wait_event = 'advisory' and datname = current_database()`
        await other.query('select pg_sleep(6)')
        const { rows } = await other.query(waiters)
        await other.query('commit')
        expect(await creating).toMatchObject({ upToDate: true })
        expect(rows).toHaveLength(1)
      } finally {
        await other.end()
      }
    }))
})
