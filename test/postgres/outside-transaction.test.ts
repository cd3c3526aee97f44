/**
 * `store.inTransaction(…)` with a connection that is in no transaction. The fault: each statement then committed on its
 * own, and after the caller's rollback the events stayed.
 */
import { PGlite } from '@electric-sql/pglite'
import { projection } from '@eventsourced/core'
import { fromDrizzle, fromKysely, type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { sql as drizzleSql } from 'drizzle-orm'
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import { drizzle as drizzlePGlite } from 'drizzle-orm/pglite'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { counted, logOf } from '../../src/conformance/events.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'
import { drivers } from './transaction-drivers.ts'

let database: FreshDatabase
let pglite: PGlite
let pool: pg.Pool
let sql: postgres.Sql
let client: pg.Client
let onServer: PostgresStore
let embedded: PostgresStore

const balances = projection({
  name: 'balances',
  key: ({ streamId }) => streamId,
  initialState: () => 0,
  evolve: (count: number) => count + 1,
})

beforeAll(async () => {
  database = await freshDatabase()
  pglite = await PGlite.create()
  pool = new pg.Pool({ connectionString: database.url })
  sql = postgres(database.url)
  client = await database.session()
  onServer = postgresStore(pool)
  embedded = postgresStore(pglite)
  await Promise.all([onServer.schema.create(), embedded.schema.create()])
})

afterAll(async () => {
  await Promise.all([onServer.close(), embedded.close()])
  await Promise.all([pool.end(), sql.end(), pglite.close()])
  await database.drop()
})

const kysely = () =>
  new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool: new pg.Pool(pool.options) }) })

/** Claims to be a transaction, as an object of the user's own may. */
const disguised = (db: Kysely<Record<string, never>>) => ({
  isTransaction: true as const,
  executeQuery: (query: Parameters<typeof db.executeQuery>[0]) => db.executeQuery(query),
})

// The types refuse all of these but the first.
describe.each<[name: string, store: () => PostgresStore, handle: () => unknown, code: string]>([
  ['a client of pg that did not begin', () => onServer, () => client, 'not-in-transaction'],
  ['a pool of pg', () => onServer, () => pool, 'invalid-input'],
  ['postgres.js itself', () => onServer, () => sql, 'invalid-input'],
  ['a PGlite instance', () => embedded, () => pglite, 'invalid-input'],
  ['a Kysely that is no transaction', () => onServer, () => fromKysely(kysely() as never), 'invalid-input'],
  ['Drizzle on pg', () => onServer, () => fromDrizzle(drizzlePg(pool) as never, drizzleSql), 'invalid-input'],
  [
    'Drizzle on postgres.js',
    () => onServer,
    () => fromDrizzle(drizzlePostgresJs(sql) as never, drizzleSql),
    'invalid-input',
  ],
  [
    'Drizzle on PGlite',
    () => embedded,
    () => fromDrizzle(drizzlePGlite(pglite) as never, drizzleSql),
    'invalid-input',
  ],
  [
    'a connection of Kysely that did not begin, in disguise',
    () => onServer,
    () => fromKysely(disguised(kysely())),
    'not-in-transaction',
  ],
  [
    'a database of Drizzle in disguise',
    () => onServer,
    () => fromDrizzle(Object.assign(drizzlePg(pool), { rollback() {} }) as never, drizzleSql),
    'not-in-transaction',
  ],
])('%s', (_, store, handle, code) => {
  it('is refused by name, and nothing is written', async () => {
    const inside = async () => store().inTransaction(handle() as never)
    await expect(inside().then((store) => store.append('a', counted(1)))).rejects.toMatchObject({ code })
    await expect(
      inside().then((store) => store.appendAll([{ streamId: 'a', events: counted(1) }])),
    ).rejects.toMatchObject({ code })
    await expect(inside().then((store) => store.createStream('b'))).rejects.toMatchObject({ code })
    await expect(inside().then((store) => store.readStream('b'))).rejects.toMatchObject({ code })
    expect(await logOf(store())).toEqual([])
    expect(await store().streamInfo('b')).toBeUndefined()
  })
})

describe.each(Object.entries(drivers))('with %s, a store whose transaction has ended', (name, openDriver) => {
  it('writes nothing', async () => {
    const driver = await openDriver(database.url)
    const schema = `ended_${name.toLowerCase().replaceAll(/[^a-z]/g, '_')}`
    for (const inline of [[], [balances]]) {
      const store = postgresStore(driver.connection, { schema: `${schema}_${inline.length}`, inline })
      await store.append('a', counted(1))
      const inside = await driver.transact('read committed', async ({ handle }) => {
        const inside = store.inTransaction(handle)
        await inside.append('a', counted(1))
        return inside
      })
      const after = await inside.append('a', counted(1)).catch((error: unknown) => error)
      expect(after).toBeInstanceOf(Error)
      expect(await logOf(store)).toHaveLength(2)
      await store.close()
    }
    await driver.close()
  })
})

// Some of these have a method `query`, as a client of pg has.
describe('an object of an ORM without its bridge', () => {
  it.each<[name: string, object: () => unknown, bridge: string]>([
    ['Kysely', kysely, 'fromKysely(trx)'],
    ['Drizzle on pg', () => drizzlePg(pool), 'fromDrizzle(tx, sql)'],
    ['Drizzle on PGlite', () => drizzlePGlite(pglite), 'fromDrizzle(tx, sql)'],
  ])('%s is refused, and the error names the bridge', (_, object, bridge) => {
    expect(() => onServer.inTransaction(object() as never)).toThrow(
      expect.objectContaining({
        code: 'invalid-input',
        field: 'transaction',
        message: expect.stringContaining(bridge),
      }),
    )
    expect(() => postgresStore(object() as never)).toThrow(
      expect.objectContaining({
        code: 'invalid-input',
        field: 'connection',
        message: expect.stringContaining(bridge),
      }),
    )
  })
})
