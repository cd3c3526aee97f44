/** Opens stores on every kind of connection, checks what `close()` leaves open, and the errors of invalid connections. */

import { PGlite } from '@electric-sql/pglite'
import { hasCode } from '@eventsourced/core'
import { type PostgresConnection, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

let database: FreshDatabase
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())

async function worksOn(connection: PostgresConnection, schema: string): Promise<void> {
  const store = postgresStore(connection, { schema })
  const appends = Array.from({ length: 20 }, (_, n) => store.append(`s-${n % 5}`, [{ type: 'A', data: n }]))
  await Promise.all(appends)
  const positions: number[] = []
  for await (const { position } of store.readAll()) positions.push(position)
  expect(positions).toHaveLength(20)
  await store.close()
}

describe('a store opens on', () => {
  it('a URL', () => worksOn(database.url, 'by_url'))

  it('a pool of pg, which it leaves open', async () => {
    const pool = new pg.Pool({ connectionString: database.url })
    await worksOn(pool, 'by_pool')
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect(pool.listenerCount('error')).toBe(0)
    await pool.end()
  })

  // Faults: each store added a listener of its own, and Node.js warned about the eleventh. And each store had a queue of
  // its own for the client, so that a statement of one store ran inside a transaction of another.
  it('a pool and a client of pg that 15 stores share, without a warning', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 2 })
    const client = new pg.Client(database.url)
    await client.connect()
    onTestFinished(() => client.end())
    const heard: unknown[] = []
    const hear = (warning: unknown) => heard.push(warning)
    process.on('warning', hear)
    for (const connection of [pool, client]) {
      const stores = Array.from({ length: 15 }, () =>
        postgresStore(connection, { schema: 'shared', onWarning() {} }),
      )
      await Promise.all(stores.map((store) => store.streamInfo('a')))
      expect(connection.listenerCount('error')).toBe(1)
      await Promise.all(stores.map((store) => store.close()))
      expect(connection.listenerCount('error')).toBe(0)
    }
    await new Promise(setImmediate)
    process.removeListener('warning', hear)
    expect(heard).toEqual([])
    await pool.end()
  })

  it('one connected client of pg, which serves one call at a time and stays open', async () => {
    const client = new pg.Client(database.url)
    await client.connect()
    onTestFinished(() => client.end())
    await worksOn(client, 'by_client')
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  it('postgres.js, which it leaves open', async () => {
    const sql = postgres(database.url)
    await worksOn(sql, 'by_postgres_js')
    expect([...(await sql`select 1 as one`)]).toEqual([{ one: 1 }])
    await sql.end()
  })

  it.each([
    [true, true],
    [false, false],
  ])('with prepare: %j, and then the connection holds prepared statements: %j', async (prepare, expected) => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1 })
    const store = postgresStore(pool, { schema: 'by_name', prepare })
    await store.append('a', [{ type: 'A', data: 1 }])
    const { rows } = await pool.query("select 1 from pg_prepared_statements where name like 'eventsourced%'")
    expect(rows.length > 0).toBe(expected)
    await store.close()
    await pool.end()
  })

  it('PGlite, which it leaves open, and PGlite in memory', async () => {
    const pglite = await PGlite.create()
    await worksOn(pglite, 'by_pglite')
    expect((await pglite.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await pglite.close()
    await worksOn('pglite:memory', 'in_memory')
  })
})

it.each(['', 'mysql://user:secret@host/db', 'pglite:', {}, null, 42])(
  'refuses the connection %j',
  (connection) => {
    let refusal: unknown
    try {
      postgresStore(connection as PostgresConnection)
    } catch (error) {
      refusal = error
    }
    expect(hasCode(refusal, 'invalid-input')).toBe(true)
    expect(String(refusal)).not.toContain('secret')
  },
)

describe('a connection that can serve no call', () => {
  // Without a refusal, the driver keeps the statement and waits for a `connect()` that never comes.
  it('because its client was never connected is refused by name', async () => {
    const client = new pg.Client(database.url)
    const store = postgresStore(client, { schema: 'unconnected' })
    const refused = { code: 'connection-not-open', reason: 'never connected' }
    await expect(store.append('a', [{ type: 'A', data: 1 }])).rejects.toMatchObject(refused)
    await expect(store.schema.create()).rejects.toMatchObject(refused)
    await expect(store.inTransaction(client).readStream('a')).rejects.toMatchObject(refused)
    const subscription = store.subscribe({ name: 'unconnected', handle() {} })
    await expect(subscription.done).rejects.toMatchObject({ cause: refused })
    // Nothing was sent: once the client is connected, the same store works.
    await client.connect()
    onTestFinished(() => client.end())
    expect(await store.append('a', [{ type: 'A', data: 1 }])).toMatchObject({ version: 1 })
    await store.close()
  })

  const ended = { code: 'connection-not-open', reason: 'ended' }
  const kinds: [string, () => Promise<{ connection: PostgresConnection; end(): Promise<void> }>][] = [
    [
      'a pool of pg',
      async () => {
        const pool = new pg.Pool({ connectionString: database.url })
        return { connection: pool, end: () => pool.end() }
      },
    ],
    [
      'a client of pg',
      async () => {
        const client = new pg.Client(database.url)
        await client.connect()
        return { connection: client, end: () => client.end() }
      },
    ],
    [
      'postgres.js',
      async () => {
        const sql = postgres(database.url)
        return { connection: sql, end: () => sql.end() }
      },
    ],
    [
      'PGlite',
      async () => {
        const pglite = await PGlite.create()
        return { connection: pglite, end: () => pglite.close() }
      },
    ],
  ]

  // Without a refusal, the subscription takes the driver's error for an outage, and retries for ever.
  it.each(kinds)('because %s was ended ends a running subscription, with a reason', async (_, open) => {
    const { connection, end } = await open()
    const store = postgresStore(connection, { schema: 'ended' })
    const subscription = store.subscribe({ name: 'subscription', handle() {} })
    await subscription.caughtUp()
    // It may fail before `end` has returned.
    const failing = subscription.done.catch((error: unknown) => error)
    await end()
    const failure = await failing
    const { cause } = failure as { cause: { code: string; cause: unknown } }
    // A call that was under way may have been executed: the refusal is then the cause of its error.
    expect(cause.code === 'store-unavailable' ? cause.cause : cause).toMatchObject(ended)
    await expect(store.append('a', [{ type: 'A', data: 1 }])).rejects.toMatchObject(ended)
    await store.close()
  })

  // The pool never calls back callers that wait for a connection when it is ended.
  it('because its full pool was ended is refused to callers that wait for a connection', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1 })
    const store = postgresStore(pool, { schema: 'filled' })
    await store.schema.create()
    const taken = await pool.connect()
    const reading = store.streamInfo('a').catch((error: unknown) => error)
    await new Promise(setImmediate)
    const ending = pool.end()
    taken.release()
    expect(await reading).toMatchObject(ended)
    await ending
    await store.close()
  })

  it('because its only connection was lost is refused, and ends a subscription', async () => {
    const client = new pg.Client(database.url)
    client.on('error', () => {})
    await client.connect()
    const store = postgresStore(client, { schema: 'lost' })
    await store.append('a', [{ type: 'A', data: 1 }])
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    await database.query('select pg_terminate_backend($1)', [rows[0]?.pid])
    // The call that is under way when the connection breaks may have been executed; later calls are refused.
    await expect
      .poll(async () => store.streamInfo('a').catch((error: unknown) => error), { timeout: 10_000 })
      .toMatchObject({ code: 'store-unavailable', cause: { code: 'connection-not-open', reason: 'lost' } })
    const subscription = store.subscribe({ name: 'subscription', handle() {} })
    await expect(subscription.done).rejects.toMatchObject({ cause: { cause: { reason: 'lost' } } })
    await store.close()
  })
})
