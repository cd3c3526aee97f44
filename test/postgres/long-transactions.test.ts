/** Long transactions: which of them hold readers of the log back, how `frontier()` reports them, and what happens at their end. */
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { counted, logOf, numbersOf, range } from '../../src/conformance/events.ts'
import { type OwnServer, startOwnServer } from './own-server.ts'

let server: OwnServer
let store: PostgresStore
let sessions: pg.Client[]
let schemas = 0

beforeAll(async () => {
  server = await startOwnServer(['max_prepared_transactions=5', 'fsync=off'])
  await run(server.url, 'create database elsewhere')
  for (const url of [server.url, elsewhere()]) await run(url, 'create table other (id int)')
})

afterAll(() => server.remove())

beforeEach(async () => {
  sessions = []
  store = postgresStore(server.url, { schema: `case_${++schemas}` })
  await store.append('before', counted(1, 1))
})

afterEach(async () => {
  await Promise.all(sessions.map((session) => session.end()))
  await store.close()
})

const elsewhere = () => server.url.replace(/postgres$/, 'elsewhere')

async function connect(connectionString: string, applicationName = 'test'): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, application_name: applicationName })
  await client.connect()
  return client
}

async function run(url: string, sql: string): Promise<void> {
  const client = await connect(url)
  await client.query(sql).finally(() => client.end())
}

async function session(url: string, applicationName?: string): Promise<pg.Client> {
  const client = await connect(url, applicationName)
  sessions.push(client)
  return client
}

it.each<[string, () => Promise<() => Promise<unknown>>]>([
  [
    'an idle writer in another database',
    async () => {
      const client = await session(elsewhere())
      await client.query('begin; insert into other values (1)')
      return () => client.query('rollback')
    },
  ],
  [
    'an idle reader with an old snapshot of the log',
    async () => {
      const client = await session(server.url)
      await client.query('begin isolation level repeatable read')
      await client.query(`select * from case_${schemas}.events`)
      return () => client.query('rollback')
    },
  ],
  [
    'a prepared transaction in another table',
    async () => {
      const client = await session(server.url)
      await client.query(`begin; insert into other values (1); prepare transaction 'here_${schemas}'`)
      return () => client.query(`rollback prepared 'here_${schemas}'`)
    },
  ],
  [
    'a prepared transaction in another database',
    async () => {
      const client = await session(elsewhere())
      await client.query(`begin; insert into other values (1); prepare transaction 'there_${schemas}'`)
      return () => client.query(`rollback prepared 'there_${schemas}'`)
    },
  ],
])('%s holds back neither appends nor readers nor subscriptions', async (_, begin) => {
  const end = await begin()
  const handled: number[] = []
  const subscription = store.subscribe({
    name: 's',
    handle: (event) => void handled.push(...numbersOf([event])),
  })
  for (const number of range(2, 20)) {
    const { position } = await store.append('a', counted(1, number), { expectedVersion: number - 2 })
    expect(await store.frontier()).toMatchObject({ position, head: position, writers: [] })
  }
  expect(numbersOf(await logOf(store))).toEqual(range(1, 20))
  await subscription.caughtUp()
  expect(handled).toEqual(range(1, 20))
  await end()
})

it('an open append holds back only readers and subscriptions, is reported at once, and after its end all catch up', async () => {
  const handled: number[] = []
  const subscription = store.subscribe({
    name: 's',
    handle: (event) => void handled.push(...numbersOf([event])),
  })
  await subscription.caughtUp()
  const holder = await session(server.url, 'nightly import')
  await holder.query('begin')
  await store.inTransaction(holder).append('held', counted(1, 2))
  // Other appends do not wait.
  for (const number of range(3, 20)) await store.append(`a-${number % 3}`, counted(1, number))

  const { position, head, writers } = await store.frontier()
  expect({ position, head }).toEqual({ position: 1, head: 20 })
  expect(writers).toMatchObject([{ applicationName: 'nightly import', state: 'idle in transaction' }])
  expect(numbersOf(await logOf(store))).toEqual([1])
  // The lag counts events above the frontier too, so it shows at once that events wait.
  expect(await subscription.status()).toMatchObject({ checkpoint: 1, lag: 19 })
  expect(handled).toEqual([1])

  await holder.query('commit')
  await subscription.caughtUp()
  expect(handled).toEqual(range(1, 20))
  expect(await subscription.status()).toMatchObject({ checkpoint: 20, lag: 0 })
  expect(await store.frontier()).toMatchObject({ position: 20, head: 20, writers: [] })
})
