/** Handlers that take longer than their lease, on few connections. */
import { PGlite } from '@electric-sql/pglite'
import type { RecordedEvent } from '@eventsourced/core'
import { type PostgresConnection, postgresStore, type SqlTransaction } from '@eventsourced/core/postgres'
import pg from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { counted, range } from '../../src/conformance/events.ts'
import { partitionOf } from '../../src/storage/partition.ts'
import { type FreshDatabase, freshDatabase } from '../postgres/fresh-database.ts'

let database: FreshDatabase
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())

interface Opened {
  readonly connection: PostgresConnection
  end(): Promise<unknown>
}

const pool = (max: number) => async (): Promise<Opened> => {
  const pool = new pg.Pool({ connectionString: database.url, max })
  return { connection: pool, end: () => pool.end() }
}

const kinds: readonly [string, schema: string, partitions: number, open: () => Promise<Opened>][] = [
  [
    'PGlite',
    'on_pglite',
    1,
    async () => {
      const pglite = await PGlite.create()
      return { connection: pglite, end: () => pglite.close() }
    },
  ],
  ['a pool of one connection', 'on_one', 1, pool(1)],
  ['a pool of one connection, with 2 partitions', 'on_one_by_two', 2, pool(1)],
  ['a pool of four connections, with 4 partitions', 'on_four', 4, pool(4)],
  [
    'a client of pg',
    'on_client',
    1,
    async () => {
      const client = new pg.Client(database.url)
      await client.connect()
      return { connection: client, end: () => client.end() }
    },
  ],
  [
    'postgres.js with max: 1',
    'on_postgres_js',
    1,
    async () => {
      const sql = postgres(database.url, { max: 1, fetch_types: false, onnotice() {} })
      return { connection: sql, end: () => sql.end() }
    },
  ],
]

// Fault: the heartbeat waited for the connection that the handler's transaction held. The lease ended, the worker
// abandoned the event, and called the handler for it again, for ever.
describe.each(kinds)('on %s', (_, schema, partitions, open) => {
  it('a transactional handler that takes longer than its lease is called once for each event', async () => {
    const { connection, end } = await open()
    const store = postgresStore(connection, { schema, onWarning() {} })
    const streams = range(0, partitions - 1).map((partition) => {
      for (let number = 0; ; number++) {
        if (partitionOf(`s${number}`, partitions) === partition) return `s${number}`
      }
    })
    for (const stream of streams) await store.append(stream, counted(2))
    const calls: string[] = []
    const subscription = store.subscribe({
      name: 's',
      partitions,
      transactional: true,
      leaseTime: 1_000,
      onError: { retries: 0 },
      async handle({ streamId, version }: RecordedEvent, { tx }: { tx: SqlTransaction }) {
        calls.push(`${streamId}/${version}`)
        await tx.query('select 1')
        await new Promise((resolve) => setTimeout(resolve, 2_500))
      },
    })
    await subscription.caughtUp({ timeout: 45_000 })
    await subscription.stop()
    expect(calls.toSorted()).toEqual(streams.flatMap((stream) => [`${stream}/1`, `${stream}/2`]).toSorted())
    await store.close()
    await end()
  })
})

// Between two transactions of the first worker, the second one may take the lease. On a slow machine a worker may also
// lose it during a call: the transaction is then rolled back, and the event is handled again. So the test counts calls
// only while the first transaction is open, and otherwise the commits.
it('another worker does not take a lease while a transaction of its owner is open', async () => {
  const { connection, end } = await pool(1)()
  const schema = 'on_two'
  const [one, two] = [connection, database.url].map((connection) =>
    postgresStore(connection, { schema, onWarning() {} }),
  ) as [ReturnType<typeof postgresStore>, ReturnType<typeof postgresStore>]
  await one.append('a', counted(3))
  await database.query('create table handled (version int)')
  const calls: number[] = []
  let callsInFirst: readonly number[] = []
  const options = {
    name: 's',
    transactional: true,
    leaseTime: 1_000,
    onError: { retries: 0 },
    async handle({ version }: RecordedEvent, { tx }: { tx: SqlTransaction }) {
      calls.push(version)
      await tx.query('insert into handled values ($1)', [version])
      if (calls.length > 1) return
      await new Promise((resolve) => setTimeout(resolve, 3_500))
      callsInFirst = [...calls]
    },
  }
  const first = one.subscribe(options)
  while (calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  const second = two.subscribe(options)
  await second.caughtUp({ timeout: 45_000 })
  expect(callsInFirst).toEqual([1])
  const committed = await database.query('select version from handled order by version')
  expect(committed).toEqual([{ version: 1 }, { version: 2 }, { version: 3 }])
  await Promise.all([first.stop(), second.stop()])
  await Promise.all([one.close(), two.close()])
  await end()
})
