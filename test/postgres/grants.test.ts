/** Grants a role the use of a store, with unusual names too, and checks the errors of a role that lacks privileges. */
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { counted, logOf } from '../../src/conformance/events.ts'
import { type ApplicationRole, createApplicationRole } from '../application-role.ts'
import { connections } from './connections.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

let database: FreshDatabase
let role: ApplicationRole
let owner: PostgresStore

async function setUp(): Promise<void> {
  database = await freshDatabase()
  role = await createApplicationRole(database.url)
  await role.createTables('eventsourced')
  owner = postgresStore(role.ownerUrl)
}

async function tearDown(): Promise<void> {
  await owner.close()
  await database.drop()
  await role.drop(inject('servers').postgres)
}

/** The privileges that a role has in the schema, each as `privilege on object`. */
async function privilegesOf(name: string): Promise<string[]> {
  const rows = await database.query<{ granted: string }>(
    `select a.privilege_type || ' on ' || o.name as granted
     from (
       select relname as name, relacl as acl from pg_class where relnamespace = 'eventsourced'::regnamespace
       union all select proname, proacl from pg_proc where pronamespace = 'eventsourced'::regnamespace
       union all select nspname, nspacl from pg_namespace where nspname = 'eventsourced'
     ) o, aclexplode(o.acl) a
     where a.grantee = (select oid from pg_roles where rolname = $1) order by 1`,
    [name],
  )
  return rows.map(({ granted }) => granted)
}

describe('the script of grants', () => {
  beforeEach(setUp)
  afterEach(tearDown)

  it('revokes all other privileges of the role, and changes nothing when it runs again', async () => {
    const before = await privilegesOf(role.name)
    expect(before).toContain('USAGE on eventsourced')
    expect(before).toContain('SELECT on events')
    expect(before).toContain('EXECUTE on append_to_stream')
    expect(before.filter((one) => !/^(USAGE on eventsourced$|SELECT on |EXECUTE on )/.test(one))).toEqual([])

    await database.query(`
      grant all on all tables in schema eventsourced to ${role.name};
      grant all on all sequences in schema eventsourced to ${role.name};
      grant all on all functions in schema eventsourced to ${role.name};
      grant create on schema eventsourced to ${role.name}`)
    expect((await privilegesOf(role.name)).length).toBeGreaterThan(before.length)
    const session = await database.session('owner', role.ownerUrl)
    for (const _ of ['once', 'again']) {
      await session.query(owner.schema.grantSql(role.name))
      expect(await privilegesOf(role.name)).toEqual(before)
    }
  })

  it('keeps functions of former versions callable, because their processes may still run', async () => {
    await database.query(`
      create function eventsourced.of_former_version() returns int language sql as 'select 1';
      revoke execute on function eventsourced.of_former_version from public;
      grant execute on function eventsourced.of_former_version to ${role.name}`)
    const session = await database.session('owner', role.ownerUrl)
    await session.query(owner.schema.grantSql(role.name))
    expect(await privilegesOf(role.name)).toContain('EXECUTE on of_former_version')
  })
})

describe('a name in the script of grants', () => {
  beforeAll(setUp)
  afterAll(tearDown)

  it.each([
    'x"; drop schema eventsourced cascade; --',
    `both "quotes" and 'others'`,
    '$$ dollars $1 :schema',
    '$revoke$ $revoke_1$; --',
    'back\\slash',
    'ünïcode 🜁',
    'new\nline',
    'current_user',
    'SELECT',
    'x'.repeat(63),
  ])('means the role named %j, and no other role', async (name) => {
    const stranger = await createApplicationRole(database.url)
    await database.query(
      `do $do$ begin execute format('alter role ${stranger.name} rename to %I', convert_from('\\x${Buffer.from(name).toString('hex')}', 'utf8')); end $do$`,
    )
    try {
      const session = await database.session('owner', role.ownerUrl)
      const everybody = await database.query('select rolname from pg_roles order by 1')
      await session.query(owner.schema.grantSql(name))
      expect(await privilegesOf(name)).toEqual(await privilegesOf(role.name))
      expect(await database.query('select rolname from pg_roles order by 1')).toEqual(everybody)
      await owner.append('a', counted(1))
    } finally {
      await database.query(
        `do $do$ declare _name text := convert_from('\\x${Buffer.from(name).toString('hex')}', 'utf8'); begin
           execute format('drop owned by %I', _name);
           execute format('alter role %I rename to ${stranger.name}', _name);
           execute format('revoke create on database %I from ${new URL(stranger.ownerUrl).username}', current_database());
         end $do$`,
      )
      await stranger.drop(inject('servers').postgres)
    }
  })

  it.each(['', 'public', 'none', 'pg_monitor', 'x'.repeat(64), 'é'.repeat(32), 'a\0b', '\ud800', 42])(
    'is refused for %j, which is another role or none',
    (name) => {
      expect(() => owner.schema.grantSql(name as string)).toThrow(
        expect.objectContaining({ code: 'invalid-input', field: 'role' }),
      )
    },
  )
})

describe.each(connections)('a role that lacks privileges, with %s', (_name, connect) => {
  beforeEach(setUp)
  afterEach(tearDown)

  async function refusalOf(work: (store: PostgresStore) => Promise<unknown>): Promise<unknown> {
    const { connection, end } = connect(role.url)
    const store = postgresStore(connection)
    try {
      return await work(store).catch((error: unknown) => error)
    } finally {
      await store.close()
      await end()
    }
  }

  it.each([
    ['everything', 'revoke usage on schema eventsourced from %r', ['USAGE on schema eventsourced']],
    [
      'a function',
      'revoke execute on function eventsourced.append_to_stream from %r',
      ['EXECUTE on eventsourced.append_to_stream'],
    ],
    [
      'a function and a table',
      'revoke execute on function eventsourced.frontier from %r; revoke select on eventsourced.documents from %r',
      ['SELECT on eventsourced.documents', 'EXECUTE on eventsourced.frontier'],
    ],
    [
      'the tables that the check itself reads',
      'revoke select on eventsourced.events, eventsourced.migrations from %r',
      ['SELECT on eventsourced.events', 'SELECT on eventsourced.migrations'],
    ],
  ])(
    'gets an error before the first use that names them and the script to run: %s',
    async (_, revoke, missing) => {
      await database.query(revoke.replaceAll('%r', role.name))
      const expected = {
        code: 'missing-privileges',
        role: role.name,
        missing: expect.arrayContaining(missing),
      }
      const refusal = await refusalOf((store) => store.append('a', counted(1)))
      expect(refusal).toMatchObject(expected)
      expect((refusal as { missing: unknown[] }).missing).toHaveLength(missing.length)
      expect(String(refusal)).toContain(`store.schema.grantSql("${role.name}")`)
      expect(await refusalOf(logOf)).toMatchObject(expected)
      const session = await database.session('owner', role.ownerUrl)
      await session.query(owner.schema.grantSql(role.name))
      expect(await refusalOf((store) => store.append('a', counted(1)))).toMatchObject({ version: 1 })
    },
  )

  it('gets an error if a privilege is revoked later', async () => {
    const refusal = await refusalOf(async (store) => {
      await store.append('a', counted(1))
      await database.query(`revoke execute on function eventsourced.append_to_stream from ${role.name}`)
      await store.append('a', counted(1))
    })
    expect(refusal).toMatchObject({ code: 'missing-privileges', missing: [], cause: { code: '42501' } })
    expect((await owner.streamInfo('a'))?.version).toBe(1)
  })

  it('gets an error that only the owner creates tables and brings them up to date', async () => {
    const expected = { code: 'missing-privileges', message: expect.stringContaining('store.schema.create()') }
    await database.query(`update eventsourced.migrations set checksum = 'abc' where number = 0`)
    expect(await refusalOf((store) => store.append('a', counted(1)))).toMatchObject(expected)
    expect(await refusalOf((store) => store.schema.create())).toMatchObject(expected)
    await role.createTables('eventsourced')
    expect(await refusalOf((store) => store.append('a', counted(1)))).toMatchObject({ version: 1 })

    await database.query('drop schema eventsourced cascade')
    expect(await refusalOf((store) => store.append('a', counted(1)))).toMatchObject(expected)
  })
})
