/**
 * Statements of an inline append that share a flight to the server. `begin` goes with the first statement and `commit`
 * with the last one, so an error or a lost connection comes in the middle of a flight:
 * - An error of `begin` must not let the statement after it run and commit by itself.
 * - An error of the last statement, or of `commit`, must leave no event and no document.
 * - A connection that is lost in the last flight leaves it open whether the append was made. The store must find out.
 */
import { projection } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { failure } from '../../src/conformance/expect.ts'
import { PgBatch } from '../../src/postgres/pg-batch.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const perStream = projection({
  name: 'per-stream',
  key: ({ streamId }) => streamId,
  initialState: () => 0,
  evolve: (count: number) => count + 1,
})

let database: FreshDatabase
beforeAll(async () => {
  database = await freshDatabase()
  await database.query('create table own_rows (id int primary key)')
})
afterAll(() => database.drop())

let pool: pg.Pool
let store: PostgresStore
let flights = 0
beforeEach(async () => {
  pool = new pg.Pool({ connectionString: database.url, max: 1 })
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...all: unknown[]) => unknown
    client.query = ((...all: unknown[]) => {
      flights++
      return query(...all)
    }) as typeof client.query
  })
  store = postgresStore(pool, { inline: [perStream], timeout: 2_000 })
  await store.append('first', [{ type: 'Counted', data: {} }])
})
afterEach(async () => {
  await store.close()
  await pool.end()
  await database.query('drop trigger if exists late on eventsourced.events')
})

/** Makes a trigger that runs at the commit of an append. */
async function atCommit(body: string): Promise<void> {
  await database.query(`
    create or replace function at_commit() returns trigger language plpgsql as $$ begin ${body} return null; end $$;
    create constraint trigger late after insert on eventsourced.events deferrable initially deferred
      for each row execute function at_commit()`)
}

async function countOf(stream: string): Promise<{ events: number; documents: number }> {
  const [row] = await database.query<{ events: string; documents: string }>(
    `select (select count(*) from eventsourced.events e join eventsourced.streams s using (stream_key) where s.stream_id = $1) as events,
      (select count(*) from eventsourced.documents where key = $1) as documents`,
    [stream],
  )
  return { events: Number(row?.events), documents: Number(row?.documents) }
}

it('an append with a document takes two flights', async () => {
  const before = flights
  await store.append('two', [{ type: 'Counted', data: {} }])
  expect(flights - before).toBe(2)
  expect(await countOf('two')).toEqual({ events: 1, documents: 1 })
})

it('a refusal at the commit leaves no event and no document, and the connection stays usable', async () => {
  await atCommit(`raise exception 'refused at the commit';`)
  expect(await failure(store.append('refused', [{ type: 'Counted', data: {} }]))).toMatchObject({
    code: 'storage-failed',
  })
  expect(await countOf('refused')).toEqual({ events: 0, documents: 0 })
  await database.query('drop trigger late on eventsourced.events')
  await store.append('refused', [{ type: 'Counted', data: {} }])
  expect(await countOf('refused')).toEqual({ events: 1, documents: 1 })
  expect(pool.totalCount).toBe(1)
})

it('an append whose connection is lost at the commit is made once', async () => {
  await database.query('create sequence if not exists attempts')
  await atCommit(`if nextval('attempts') = 1 then perform pg_terminate_backend(pg_backend_pid()); end if;`)
  await store.append('lost', [{ type: 'Counted', data: {} }])
  expect(await countOf('lost')).toEqual({ events: 1, documents: 1 })
  expect(await database.query(`select state from eventsourced.documents where key = 'lost'`)).toEqual([
    { state: 1 },
  ])
  const [row] = await database.query<{ tries: string }>('select last_value as tries from attempts')
  expect(Number(row?.tries)).toBe(2)
})

it('after an error the server skips the statements of the flight that follow', async () => {
  const client = await database.session()
  const run = (...texts: string[]) =>
    new Promise<readonly (readonly object[])[]>((resolve, reject) => {
      const statements = texts.map((text) => ({ name: `named ${text}`, text, values: [] }))
      const settle = (error: Error | null, results?: readonly (readonly object[])[]) =>
        error === null ? resolve(results ?? []) : reject(error)
      client.query(new PgBatch(client, statements, true, (value) => value, settle))
    })
  // A `begin` that fails, and a statement that would then commit by itself.
  const begin = 'set lock_timeout = none'
  await expect(run(begin, 'insert into own_rows values (1)')).rejects.toMatchObject({ code: '22023' })
  await expect(run('insert into own_rows values (1)', 'select 1 / 0 as x')).rejects.toMatchObject({
    code: '22012',
  })
  expect(await database.query('select * from own_rows')).toEqual([])
  // The server has prepared the statements before the error, and the client knows.
  expect(await run('insert into own_rows values (1)', 'select id from own_rows')).toEqual([[], [{ id: '1' }]])
  expect(await database.query('select * from own_rows')).toEqual([{ id: 1 }])
})

it('a client in the pipeline mode of pg appends with messages of their own', async () => {
  const own = new pg.Pool({ connectionString: database.url, max: 1, pipeline: true } as pg.PoolConfig)
  const other = postgresStore(own, { inline: [perStream], timeout: 2_000 })
  try {
    // The first transaction of a connection has messages of their own anyway.
    for (const stream of ['pipeline-1', 'pipeline-2']) {
      await other.append(stream, [{ type: 'Counted', data: {} }])
      expect(await countOf(stream)).toEqual({ events: 1, documents: 1 })
    }
  } finally {
    await other.close()
    await own.end()
  }
})
