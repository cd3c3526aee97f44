/** Tests of the cutting proxy itself: it cuts off the answers of committed writes, and nothing else. */
import pg from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { CuttingPostgresProxy } from './cutting-proxy.ts'
import { createDatabase, type TestDatabase } from './database.ts'

const { postgres: serverUrl } = inject('servers')
const reason = 'STORES names no store on a Postgres server'

let database: TestDatabase
let proxy: CuttingPostgresProxy
let direct: pg.Client

beforeAll(async () => {
  if (serverUrl === undefined) return
  database = await createDatabase(serverUrl)
  proxy = await CuttingPostgresProxy.start(database.url)
  direct = new pg.Client({ connectionString: database.url })
  await direct.connect()
  await direct.query('create table written (number int)')
})

afterAll(async () => {
  if (serverUrl === undefined) return
  await direct.end()
  await proxy.stop()
  await database.drop()
})

async function numbers(): Promise<number[]> {
  const { rows } = await direct.query<{ number: number }>('select number from written order by number')
  return rows.map(({ number }) => number)
}

async function connected(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: proxy.url })
  client.on('error', () => {})
  await client.connect()
  return client
}

const insert = (number: number) => ({
  name: 'written',
  text: 'insert into written values ($1)',
  values: [number],
})

it('loses the answer to a committed write, by a simple, unnamed or prepared statement', async ({ skip }) => {
  skip(serverUrl === undefined, reason)
  await direct.query('truncate written')
  const writes: ((client: pg.Client) => Promise<unknown>)[] = [
    (client) => client.query('insert into written values (1)'),
    (client) => client.query('insert into written values ($1)', [2]),
    (client) => client.query(insert(3)),
    async (client) => {
      proxy.cutAnswers(0)
      await client.query(insert(4))
      proxy.cutAnswers(1)
      // The statement is prepared by now, so the client sends only its name.
      await client.query(insert(5))
    },
  ]
  for (const write of writes) {
    const client = await connected()
    const before = proxy.cuts
    proxy.cutAnswers(1)
    await expect(write(client)).rejects.toThrow(/connection/i)
    expect(proxy.cuts).toBe(before + 1)
  }
  expect(await numbers()).toEqual([1, 2, 3, 4, 5])
})

it('loses the answer to the commit of a transaction that wrote, and no earlier answer', async ({ skip }) => {
  skip(serverUrl === undefined, reason)
  await direct.query('truncate written')
  const client = await connected()
  proxy.cutAnswers(1)
  await client.query('begin')
  await client.query(insert(1))
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  await expect(client.query('commit')).rejects.toThrow(/connection/i)
  expect(await numbers()).toEqual([1])
})

it('forwards the answers of reads, failed writes and definitions', async ({ skip }) => {
  skip(serverUrl === undefined, reason)
  await direct.query('truncate written')
  const client = await connected()
  const before = proxy.cuts
  proxy.cutAnswers(1)
  await client.query('select * from written')
  await expect(client.query("insert into written values ('x')")).rejects.toThrow(/integer/)
  await client.query('create table if not exists other (number int)')
  expect(proxy.cuts).toBe(before)
  await client.end()
})

it('distinguishes requests that are in flight at the same time', async ({ skip }) => {
  skip(serverUrl === undefined, reason)
  await direct.query('truncate written')
  const sql = postgres(proxy.url, { max: 1 })
  proxy.cutAnswers(0)
  await sql`select 1`
  proxy.cutAnswers(1)
  const [first, second, third] = await Promise.allSettled([
    sql`select 1 as one`,
    sql`insert into written values (1)`,
    sql`select 3 as three`,
  ])
  expect([first.status, second.status, third.status]).toEqual(['fulfilled', 'rejected', 'rejected'])
  expect(await numbers()).toEqual([1])
  await sql.end({ timeout: 1 })
})

it('cuts at any message, before or after it is forwarded', async ({ skip }) => {
  skip(serverUrl === undefined, reason)
  await direct.query('truncate written')
  const seen: string[] = []
  const watched = await connected()
  proxy.cutWhen(({ from, type, writes }) => {
    if (writes) seen.push(`${from} ${type}`)
    return 'pass'
  })
  await watched.query(insert(0))
  await watched.end()
  expect(seen).toEqual([
    ...['P', 'B', 'D', 'E', 'S'].map((type) => `client ${type}`),
    ...['1', '2', 'n', 'C', 'Z'].map((type) => `server ${type}`),
  ])
  for (const [index] of seen.entries()) {
    for (const verdict of ['cut before', 'cut after'] as const) {
      const client = await connected()
      let message = 0
      proxy.cutWhen(({ writes }) => (writes && message++ === index ? verdict : 'pass'))
      await client.query(insert(1)).catch(() => {})
      await client.end().catch(() => {})
    }
  }
  proxy.cutWhen(undefined)
})
