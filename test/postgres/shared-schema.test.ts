/** A schema that holds the user's own objects too, and schemas whose names need quotes. */
import { projection, uuidv7 } from '@eventsourced/core'
import { type PostgresStore, type PostgresStoreOptions, postgresStore } from '@eventsourced/core/postgres'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { counted, logOf } from '../../src/conformance/events.ts'
import { type ApplicationRole, createApplicationRole } from '../application-role.ts'
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

function open(options?: PostgresStoreOptions): PostgresStore {
  const store = postgresStore(database.url, options)
  opened.push(store)
  return store
}

/** Drops the roles before the database, and so their privileges there first. */
async function dropRole(role: ApplicationRole): Promise<void> {
  await database.query(`drop owned by ${role.name}, ${new URL(role.ownerUrl).username} cascade`)
  await role.drop(inject('servers').postgres)
}

describe("a schema that holds the user's own objects", () => {
  let role: ApplicationRole

  beforeEach(async () => {
    role = await createApplicationRole(database.url)
  })

  afterEach(async () => {
    await dropRole(role)
  })

  /** Which of the role's privileges on the user's own objects exist. */
  async function privileges(): Promise<unknown> {
    const [row] = await database.query(
      `select has_function_privilege('${role.name}', 'shop.price(int)', 'execute') as calls,
         has_function_privilege('${role.name}', 'shop.frontier(int)', 'execute') as overload,
         has_table_privilege('${role.name}', 'shop.orders', 'insert') as inserts,
         has_table_privilege('${role.name}', 'shop.secrets', 'select') as reads,
         has_sequence_privilege('${role.name}', 'shop.order_numbers', 'usage') as numbers`,
    )
    return row
  }

  // The fault: opening a store revoked `execute` on all functions of the schema, and the script of grants revoked what
  // the role may do with all its tables. The application then failed with 42501 in code that has nothing to do with us.
  it('keeps its privileges when a store opens there, and when the script of grants runs', async () => {
    await database.query(`
      create schema shop;
      create table shop.orders (id int);
      create table shop.secrets (id int);
      create sequence shop.order_numbers;
      create function shop.price(int) returns int language sql as 'select $1';
      -- It shares its name with a function of the store, but not its parameters.
      create function shop.frontier(int) returns int language sql as 'select $1';
      grant usage on schema shop to ${role.name};
      grant insert on shop.orders to ${role.name};
      grant usage on sequence shop.order_numbers to ${role.name}`)
    const before = { calls: true, overload: true, inserts: true, reads: false, numbers: true }
    expect(await privileges()).toEqual(before)
    const store = open({ schema: 'shop' })
    await store.append('a', counted(1))
    expect(await privileges()).toEqual(before)
    await database.query(store.schema.grantSql(role.name))
    expect(await privileges()).toEqual(before)
    const own = postgresStore(role.url, { schema: 'shop', autoCreate: false })
    opened.push(own)
    expect(await own.append('a', counted(1))).toMatchObject({ version: 2 })
  })
})

// The fault: `create table if not exists migrations` took any table of this name for the store's. The first use failed
// with "column m.number does not exist", and the next attempt as well.
describe.each([
  ['with other columns', 'create table public.migrations (id serial, filename text)'],
  [
    'with a row',
    "create table public.migrations (id int, name text); insert into public.migrations values (1, 'a')",
  ],
  [
    'with columns of the same names',
    'create table public.migrations (number text, name text, checksum text)',
  ],
  ['that is a view', 'create view public.migrations as select 1 as number'],
])("another tool's table `migrations` %s", (_, sql) => {
  it('is refused by name, and stays as it is', async () => {
    await database.query(sql)
    const refusal = {
      code: 'schema-mismatch',
      message: expect.stringMatching(/'migrations' in schema 'public'.*option `schema`/),
    }
    const uses: ((store: PostgresStore) => Promise<unknown>)[] = [
      (store) => store.append('a', counted(1)),
      (store) => store.schema.create(),
      (store) => store.schema.status(),
    ]
    for (const use of uses) await expect(use(open({ schema: 'public' }))).rejects.toMatchObject(refusal)
    const strict = open({ schema: 'public', autoCreate: false })
    await expect(strict.append('a', counted(1))).rejects.toMatchObject(refusal)
    expect(
      await database.query(
        `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')`,
      ),
    ).toEqual([{ name: 'migrations' }])
  })
})

// The fault: `create or replace` replaced the user's function of the same name and parameters.
it("a function of the user's with the name of one of the store's is refused by name, not replaced", async () => {
  await database.query(`
    create schema shop;
    create function shop.is_expected(expected_version bigint, actual_version bigint) returns boolean
      language sql as 'select null::boolean'`)
  const definition = `select pg_get_functiondef('shop.is_expected(bigint, bigint)'::regprocedure) as sql`
  const before = await database.query(definition)
  const refusal = {
    code: 'schema-mismatch',
    message: expect.stringMatching(/shop.*is_expected.*option `schema`/),
  }
  await expect(open({ schema: 'shop' }).append('a', counted(1))).rejects.toMatchObject(refusal)
  expect(await database.query(definition)).toEqual(before)
})

describe.each([
  'order',
  'Shop',
  'has space',
  'semi;colon',
  '9lives',
  'a-b.c',
  'ünïcode 🜁',
  ':schema',
  'select',
])('a schema with the name %j', (schema) => {
  it('holds a whole store', async () => {
    const counts = projection({
      name: 'counts',
      key: ({ streamId }) => streamId,
      initialState: () => 0,
      evolve: (count: number) => count + 1,
    })
    const store = open({ schema, inline: [counts], notify: true })
    await store.append('a', counted(2))
    await Promise.all([1, 2, 3].map(() => store.append('b', counted(1))))
    await store.import([{ streamId: 'c', type: 'Imported', data: 1, id: uuidv7() }])
    expect(await logOf(store)).toHaveLength(6)
    expect(await store.frontier()).toMatchObject({ position: 6, head: 6, writers: [] })
    await store.rebuild(counts)
    expect(await store.view(counts).get('a')).toMatchObject({ state: 2 })
    let handled = 0
    await store.runOnce({ name: 'one', handle: async () => void handled++ })
    expect(handled).toBe(6)
    expect(await store.schema.status()).toMatchObject({ upToDate: true })
    expect(
      await database.query('select nspname from pg_namespace where nspname = $1', [schema]),
    ).toHaveLength(1)

    await open({ schema: `${schema} 2`, autoCreate: false }).schema.create()
    await database.query(`create schema "${schema} 3"`)
    await database.query(open({ schema: `${schema} 3` }).schema.sql())
    expect(await open({ schema: `${schema} 3`, autoCreate: false }).append('a', counted(1))).toMatchObject({
      position: 1,
    })
  })

  it('can be granted, checked and corrected', async () => {
    const role = await createApplicationRole(database.url)
    try {
      const owner = open({ schema })
      await owner.append('a', counted(2))
      const own = postgresStore(role.url, { schema, autoCreate: false })
      opened.push(own)
      await expect(own.append('a', counted(1))).rejects.toMatchObject({
        code: 'missing-privileges',
        missing: expect.arrayContaining([`USAGE on schema ${schema}`]),
      })
      await database.query(owner.schema.grantSql(role.name))
      expect(await own.append('a', counted(1))).toMatchObject({ version: 3 })

      await database.query(`alter sequence "${schema}".event_positions cache 10`)
      const cached = await open({ schema }).streamInfo('a').catch(String)
      await database.query(/run `(.*?)`/.exec(String(cached))?.[1] ?? '')
      await database.query(`select setval('"${schema}".event_positions', 1)`)
      const behind = await open({ schema }).streamInfo('a').catch(String)
      await database.query(/run `(.*?)`/.exec(String(behind))?.[1] ?? '')
      expect(await open({ schema }).append('a', counted(1))).toMatchObject({ position: 4 })
    } finally {
      await dropRole(role)
    }
  })
})

// The fault: Postgres ignores case in the names of settings. A transaction that has appended in schema `Shop` would
// count as marked in schema `shop` too, and readers of `shop` would pass its events.
it('one transaction takes a marker in each of two schemas whose names differ only in case', async () => {
  const [upper, lower] = [open({ schema: 'Shop' }), open({ schema: 'shop' })]
  await Promise.all([upper.schema.create(), lower.schema.create()])
  const session = await database.session()
  await session.query('begin')
  await upper.inTransaction(session).append('a', counted(1))
  await lower.inTransaction(session).append('a', counted(1))
  for (const store of [upper, lower]) {
    await store.append('b', counted(1))
    expect(await store.frontier()).toMatchObject({ position: 0, head: 2 })
  }
  await session.query('commit')
})

it.each([
  '',
  'information_schema',
  'pg_temp',
  'pg_catalog',
  'a"b',
  "a'b",
  'a\\b',
  'a$b',
  'a\nb',
  'a\0b',
  '\ud800',
  'x'.repeat(64),
  'é'.repeat(32),
])('the schema name %j is refused at once', (schema) => {
  expect(() => postgresStore(database.url, { schema })).toThrow(
    expect.objectContaining({ code: 'invalid-input', field: 'schema' }),
  )
})
