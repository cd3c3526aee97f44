/**
 * Statements that the server refuses to prepare, behind a PgBouncer that keeps track of prepared statements.
 *
 * The fault: PgBouncer keeps the name of such a statement, and closes the connection of a client that prepares it again.
 * The first statement of a store fails if its tables do not exist yet. So a store on a single client lost its connection
 * at its first use, and a client lost its connection after an aborted transaction.
 */
import { postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { counted } from '../../src/conformance/events.ts'
import { createDatabase, type TestDatabase } from '../database.ts'
import { type StartedPgBouncer, startPgBouncer, whyNothingPrepared } from '../start-pgbouncer.ts'

const missing = whyNothingPrepared()

describe.skipIf(missing)(missing ?? 'behind PgBouncer with prepared statements', () => {
  let database: TestDatabase
  let pooler: StartedPgBouncer
  beforeAll(async () => {
    database = await createDatabase(inject('servers').postgres)
    pooler = await startPgBouncer(database.url, { tracksPrepared: true, poolSize: 2 })
  })
  afterAll(async () => {
    await pooler.stop()
    await database.drop()
  })

  async function connected(): Promise<pg.Client> {
    const client = new pg.Client(pooler.url)
    client.on('error', () => {})
    await client.connect()
    return client
  }

  it('a store on a single client creates its tables', async () => {
    const client = await connected()
    const store = postgresStore(client, { schema: 'on_client' })
    expect(await store.append('a', counted(1))).toMatchObject({ version: 1 })
    await store.close()
    await client.end()
  })

  it('a store on a single client finds the tables that were missing at its first call', async () => {
    const client = await connected()
    const store = postgresStore(client, { schema: 'later', autoCreate: false })
    for (const _ of [1, 2])
      await expect(store.append('a', counted(1))).rejects.toMatchObject({ code: 'schema-mismatch' })
    const owner = postgresStore(database.url, { schema: 'later' })
    await owner.schema.create()
    expect(await store.append('a', counted(1))).toMatchObject({ version: 1 })
    await Promise.all([owner.close(), store.close()])
    await client.end()
  })

  it('a client appends again in a transaction after one that was aborted', async () => {
    const store = postgresStore(pooler.url, { schema: 'aborted' })
    await store.schema.create()
    const client = await connected()
    for (const times of [1, 2, 3]) {
      await client.query('begin')
      await expect(client.query('select 1 / 0')).rejects.toMatchObject({ code: '22012' })
      const refused = store.inTransaction(client).append('a', counted(1))
      await expect(refused).rejects.toMatchObject({ code: 'storage-failed', cause: { code: '25P02' } })
      await client.query('rollback')
      await client.query('begin')
      expect(await store.inTransaction(client).append('a', counted(1))).toMatchObject({ version: times })
      await client.query('commit')
    }
    await client.end()
    await store.close()
  })
})
