/** Databases, servers and settings with which the store would lose or garble events: refused by name at the first use. */
import { type PostgresStore, type PostgresStoreOptions, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { counted, logOf } from '../../src/conformance/events.ts'
import { dropDatabase } from '../database.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

let database: FreshDatabase
let opened: PostgresStore[]

beforeEach(async () => {
  database = await freshDatabase()
  opened = []
})

afterEach(async () => {
  await Promise.all(opened.map((store) => store.close()))
  await database.drop()
})

function open(url: string, options?: PostgresStoreOptions): PostgresStore {
  const store = postgresStore(url, options)
  opened.push(store)
  return store
}

/** Returns the URL for sessions with these settings. */
function withSettings(settings: Readonly<Record<string, string>>): string {
  const url = new URL(database.url)
  const flags = Object.entries(settings).map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`)
  url.searchParams.set('options', flags.join(' '))
  return url.href
}

async function expectRefusal(url: string, words: RegExp): Promise<void> {
  const refusal = { code: 'unsupported-database', message: expect.stringMatching(words) }
  for (const options of [{}, { autoCreate: false }]) {
    await expect(open(url, options).append('a', counted(1))).rejects.toMatchObject(refusal)
    await expect(open(url, options).readStream('a')).rejects.toMatchObject(refusal)
    await expect(open(url, options).schema.create()).rejects.toMatchObject(refusal)
  }
}

// The fault: the tables were created, and from then on `listStreams` failed, and so did each event with an emoji.
it.each(['LATIN1', 'SQL_ASCII'])(
  'a database with the encoding %s is refused, and gets no tables',
  async (encoding) => {
    const name = `encoded_${encoding.toLowerCase()}_${process.pid}`
    await database.query(`create database ${name} template template0 encoding '${encoding}' locale 'C'`)
    const url = new URL(database.url)
    url.pathname = `/${name}`
    try {
      await expectRefusal(url.href, new RegExp(`${encoding}.*UTF8`))
      const client = new pg.Client(url.href)
      await client.connect()
      const { rows } = await client
        .query(`select from pg_namespace where nspname = 'eventsourced'`)
        .finally(() => client.end())
      expect(rows).toEqual([])
    } finally {
      await Promise.all(opened.splice(0).map((store) => store.close()))
      await dropDatabase(String(inject('servers').postgres), name)
    }
  },
)

// The fault: the driver reads every text as UTF-8, and shows garbled events without any error.
it('a session with another client_encoding is refused', async () => {
  await open(database.url).append('a', counted(1))
  const session = await database.session()
  await session.query(`set client_encoding = 'LATIN1'`)
  const store = postgresStore(session)
  await expect(store.readStream('a')).rejects.toMatchObject({ code: 'unsupported-database' })
})

// The fault: with array_nulls = off Postgres reads `null` in a list as a text, and `appendAll` fails with 22P02.
it('a session with array_nulls = off is refused', async () => {
  const url = withSettings({ array_nulls: 'off' })
  await expectRefusal(url, /array_nulls = off.*alter role/)
  await open(database.url).append('a', counted(1))
  await expectRefusal(url, /array_nulls = off.*alter role/)
})

// These servers speak the protocol of Postgres, and have no advisory locks, or do not show them. There a reader passes
// appends that are still running, and never sees their events.
describe.each([
  ['CockroachDB CCL v25.1.0 (x86_64-pc-linux-gnu, built 2025)', 'CockroachDB'],
  ['PostgreSQL 15.12-YB-2.25.1.0-b0 on x86_64-pc-linux-gnu', 'YugabyteDB'],
  ['PostgreSQL 8.0.2 on i686-pc-linux-gnu, Redshift 1.0.12103', 'Redshift'],
])('a server with the version %j', (version, name) => {
  it('is refused by name, with or without tables', async () => {
    await database.query(`
      create schema fake;
      create function fake.version() returns text language sql as $$ select '${version}' $$`)
    const url = withSettings({ search_path: 'fake,pg_catalog' })
    await expectRefusal(url, new RegExp(name))
    expect(await database.query(`select from pg_namespace where nspname = 'eventsourced'`)).toEqual([])
    await open(database.url).append('a', counted(1))
    await expectRefusal(url, new RegExp(name))
  })
})

it('a server that does not show the locks of a transaction is refused', async () => {
  await open(database.url).append('a', counted(1))
  // As if the server had not taken the lock: the function calls a lock of its own that does nothing.
  await database.query(`
    create function eventsourced.pg_advisory_xact_lock_shared(int, int) returns void language sql as '';
    alter function eventsourced.sees_own_marker() set search_path = eventsourced, pg_catalog, pg_temp`)
  const refusal = { code: 'unsupported-database', message: expect.stringMatching(/advisory lock/) }
  await expect(open(database.url).append('a', counted(1))).rejects.toMatchObject(refusal)
  expect(await database.query('select from eventsourced.events')).toHaveLength(1)
})

// The fault: the lock of the check looked like a running append, and an inline projection of another store, which began
// at the same time on an empty log, was not registered.
it('the check never looks like a running append', async () => {
  const session = await database.session()
  await open(database.url).schema.create()
  await session.query('begin; select eventsourced.sees_own_marker()')
  await database.query(`select eventsourced.register_projections('{one}', '{1}', '{inline}')`)
  expect(await database.query('select name from eventsourced.projections')).toEqual([{ name: 'one' }])
  expect(await open(database.url).frontier()).toMatchObject({ position: 0, head: 0, writers: [] })
  await session.query('commit')
})

it('the check leaves no marker behind that would hold readers back', async () => {
  const store = open(database.url)
  await store.append('a', counted(1))
  const session = await database.session()
  await postgresStore(session).streamInfo('a')
  expect(await store.frontier()).toMatchObject({ position: 1, head: 1, writers: [] })
})

describe.each([
  ['standard_conforming_strings', 'off'],
  ['transform_null_equals', 'on'],
  ['datestyle', 'German, DMY'],
  ['timezone', 'Asia/Kolkata'],
  ['intervalstyle', 'sql_standard'],
  ['extra_float_digits', '-15'],
  ['bytea_output', 'escape'],
  ['quote_all_identifiers', 'on'],
  ['plpgsql.variable_conflict', 'use_column'],
  ['lc_messages', 'C'],
  ['check_function_bodies', 'off'],
])('a session with %s = %s', (setting, value) => {
  it('works as any other', async () => {
    const store = open(withSettings({ [setting]: value }))
    const first = await store.append('a\\b', counted(2), { metadata: { by: 'me\\' } })
    await store.appendAll([
      { streamId: 'a\\b', events: counted(1, 3), expectedVersion: 2 },
      {
        streamId: 'c',
        events: [{ type: 'Tagged', data: { text: '\\ \' " $ \u{1f701}' }, tags: ['x\\', 'null'] }],
      },
    ])
    const log = await logOf(store)
    expect(log).toMatchObject([
      { streamId: 'a\\b', metadata: { by: 'me\\' }, recordedAt: first.recordedAt },
      { version: 2 },
      { version: 3 },
      { streamId: 'c', data: { text: '\\ \' " $ \u{1f701}' }, tags: ['x\\', 'null'] },
    ])
    expect(Math.abs(Number(first.recordedAt) - Date.now())).toBeLessThan(60_000)
  })
})
