/** Creates the tables, keeps them up to date, and checks the names of schemas. */
import { SchemaMismatchError } from '@eventsourced/core'
import { type PostgresStore, type PostgresStoreOptions, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { logOf, range } from '../../src/conformance/events.ts'
import { allAtOnce } from '../../src/conformance/expect.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'
import { startProgram } from './programs.ts'

const started = [{ type: 'Started', data: {} }]

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

function open(options?: PostgresStoreOptions): PostgresStore {
  const store = postgresStore(database.url, options)
  opened.push(store)
  return store
}

describe('creating the tables', () => {
  it('can be done by 8 stores at once', async () => {
    const versions = await allAtOnce(8, async (index) => {
      const store = open()
      if (index % 2 === 0) await store.schema.create()
      return (await store.append('shared', started)).version
    })
    expect(versions.sort()).toEqual(range(1, 8))
    expect(await open().schema.status()).toMatchObject({ upToDate: true })
  })

  it('can be done by 4 processes at once', async () => {
    const programs = range(1, 4).map(() => startProgram('schema-creator', database.url, 'shared'))
    for (const program of programs) await program.said()
    for (const program of programs) program.tell('go')
    const results = await Promise.all(programs.map((program) => program.said<{ version: number }>()))
    expect(results.map(({ version }) => version).sort()).toEqual([1, 2, 3, 4])
    for (const program of programs) expect(await program.ended).toEqual({ exitCode: 0, complaints: '' })
  })

  // The fault: a server process remembers that a schema did not exist, and hears of the schema of another process only
  // when it locks a table. After the wait for the other process, it locked none, and created the schema a second time.
  // Server processes that have created tables before are so warm: those of a pooler, or of a store of another schema.
  it('waits for another process, on a connection that remembers that the schema did not exist', async () => {
    const [client, other] = [await database.session(), await database.session('other')]
    for (const schema of ['warm_1', 'warm_2']) {
      const store = postgresStore(client, { schema })
      await store.schema.create()
      await store.close()
    }
    await other.query(`begin; select pg_advisory_xact_lock(hashtext('eventsourced migrations of late'))`)
    const late = postgresStore(client, { schema: 'late' })
    const appended = late.append('a', started)
    const waiting = `select from pg_stat_activity where wait_event = 'advisory' and datname = current_database()`
    while ((await database.query(waiting)).length === 0) await sleep(5)
    await other.query('create schema late; commit')
    expect(await appended).toMatchObject({ version: 1 })
    await late.close()
  })

  it('leaves nothing behind when it fails half-way', async () => {
    // A view has the name of one of our tables, so that a later step of the script fails.
    await database.query('create schema eventsourced; create view eventsourced.events as select 1 as one')
    await expect(open().schema.create()).rejects.toMatchObject({ code: 'storage-failed' })
    const tables = await database.query(`select from pg_tables where schemaname = 'eventsourced'`)
    expect(tables).toEqual([])
    await database.query('drop view eventsourced.events')
    expect(await open().schema.create()).toMatchObject({ upToDate: true })
  })

  it('does not happen with autoCreate: false, until schema.create() is called', async () => {
    const store = open({ autoCreate: false })
    const refusal = await store.append('a', started).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(SchemaMismatchError)
    expect(String(refusal)).toContain('store.schema.create()')
    await expect(store.frontier()).rejects.toThrow(SchemaMismatchError)
    expect(await database.query(`select from pg_namespace where nspname = 'eventsourced'`)).toEqual([])

    await store.schema.create()
    expect(await store.append('a', started)).toMatchObject({ version: 1 })
  })

  it('is not done by schema.status()', async () => {
    const store = open()
    const before = await store.schema.status()
    expect(before).toMatchObject({ revision: 0, current: 0, functionsCurrent: false, upToDate: false })
    expect(before.pending).toHaveLength(before.latest)
    expect(await database.query(`select from pg_namespace where nspname = 'eventsourced'`)).toEqual([])

    const after = {
      revision: before.libraryRevision,
      libraryRevision: before.libraryRevision,
      current: before.latest,
      latest: before.latest,
      pending: [],
      functionsCurrent: true,
      eventsProtected: true,
      upToDate: true,
      // The tests run as a superuser.
      warnings: expect.arrayContaining([expect.objectContaining({ kind: 'role-owns-events' })]),
    }
    expect(before.warnings).toEqual([])
    expect(await store.schema.create()).toEqual(after)
    expect(await store.schema.status()).toEqual(after)
  })

  it('can be done with the script of schema.sql(), as one query of several statements', async () => {
    const store = open({ autoCreate: false })
    await database.query(store.schema.sql())
    expect(await store.schema.status()).toMatchObject({ upToDate: true, pending: [] })
    expect(await store.append('a', started)).toMatchObject({ version: 1 })
  })
})

describe('two schemas in one database', () => {
  it('do not see each other', async () => {
    const [sales, stock] = [open({ schema: 'sales' }), open({ schema: 'stock' })]
    const event = { type: 'Started', data: {}, id: '01890000-0000-7000-8000-000000000001' }
    await sales.append('a', [event])
    expect(await stock.streamInfo('a')).toBeUndefined()
    expect(await logOf(stock)).toEqual([])
    // Neither versions, nor positions, nor event ids are shared.
    expect(await stock.append('a', [event])).toMatchObject({ version: 1, position: 1, deduplicated: false })
    expect(await logOf(sales)).toHaveLength(1)
  })

  it('do not hold each other back', async () => {
    const [sales, stock] = [open({ schema: 'sales' }), open({ schema: 'stock' })]
    await Promise.all([sales.schema.create(), stock.schema.create()])
    const session = await database.session('shop')
    await session.query('begin')
    await sales.inTransaction(session).append('a', started)
    await stock.append('a', started)
    expect(await logOf(stock)).toHaveLength(1)
    expect(await stock.frontier()).toMatchObject({ position: 1, head: 1, writers: [] })
    expect(await sales.frontier()).toMatchObject({
      position: 0,
      head: 1,
      writers: [{ applicationName: 'shop' }],
    })
    await session.query('commit')
    expect(await logOf(sales)).toHaveLength(1)
  })
})

it('schema names of 63 characters are accepted, and differ by their last character even on one pool', async () => {
  const pool = new pg.Pool({ connectionString: database.url, max: 1 })
  const names = ['a', 'b'].map((end) => `s${'x'.repeat(61)}${end}`)
  for (const schema of names) {
    expect(await postgresStore(pool, { schema }).append('a', started)).toMatchObject({
      version: 1,
      position: 1,
    })
  }
  await pool.end()
})
