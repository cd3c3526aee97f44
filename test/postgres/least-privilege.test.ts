/**
 * The role of an application may call the functions and read the tables. The server refuses everything else, and the
 * refused statements change nothing. The conformance suite shows that the role can do all that a store does: see
 * `pg-14-application`.
 */
import { projection, type RecordedEvent } from '@eventsourced/core'
import { type PostgresStore, postgresStore, type SqlTransaction } from '@eventsourced/core/postgres'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { counted, logOf } from '../../src/conformance/events.ts'
import { type ApplicationRole, createApplicationRole } from '../application-role.ts'
import { connections } from './connections.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

let database: FreshDatabase
let role: ApplicationRole
const opened: PostgresStore[] = []

beforeAll(async () => {
  database = await freshDatabase()
  role = await createApplicationRole(database.url)
  await role.createTables('eventsourced')
  const store = open()
  await store.append('a', counted(3))
  await store.runOnce({
    name: 'parking',
    onError: { retries: 0, action: 'park' },
    handle: () => Promise.reject(new Error('no')),
  })
})

afterEach(() => Promise.all(opened.splice(0).map((store) => store.close())))

afterAll(async () => {
  await database.drop()
  await role.drop(inject('servers').postgres)
})

function open(options: Parameters<typeof postgresStore>[1] = {}): PostgresStore {
  const store = postgresStore(role.url, options)
  opened.push(store)
  return store
}

const denied = { code: '42501' }

/** Reads everything in the schema: the rows, the value of the sequence, and the entries of the catalogs. */
async function everythingInside(): Promise<unknown> {
  const tables = await tablesOf('eventsourced')
  const rows = tables.map(
    (table) => `(select json_agg(t order by t::text) from eventsourced.${table} t) as ${table}`,
  )
  const objects = `(select json_agg(c order by c.oid) from pg_class c where c.relnamespace = 'eventsourced'::regnamespace) as classes,
    (select json_agg(p order by p.oid) from pg_proc p where p.pronamespace = 'eventsourced'::regnamespace) as functions,
    (select json_agg(t order by t.oid) from pg_trigger t) as triggers,
    (select last_value from eventsourced.event_positions) as head`
  return database.query(`select ${rows.join(', ')}, ${objects}`)
}

async function tablesOf(schema: string): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = '${schema}'::regnamespace and relkind = 'r' order by 1`,
  )
  return rows.map(({ name }) => name)
}

describe('the role of an application', () => {
  let session: pg.Client

  beforeAll(async () => {
    session = await database.session('application', role.url)
  })

  it.each([
    'insert into %s default values',
    'update %s set %c = %c',
    'delete from %s',
    'truncate %s',
    'do $$ begin lock table %s in share mode; end $$',
    'select from %s for update',
    'copy %s from stdin',
    'drop table %s cascade',
    'alter table %s add column x int',
    'alter table %s disable trigger all',
    'create index on %s (%c)',
    'alter table %s owner to current_user',
    'create trigger t before insert on %s for each statement execute function suppress_redundant_updates_trigger()',
    'create rule r as on insert to %s do instead nothing',
    'alter table %s enable row level security',
  ])('cannot `%s`, on any table', async (statement) => {
    const before = await everythingInside()
    const tables = await tablesOf('eventsourced')
    expect(tables).toEqual([
      'checkpoints',
      'documents',
      'events',
      'imports',
      'migrations',
      'parked_events',
      'projections',
      'streams',
      'subscriptions',
      'workers',
    ])
    for (const table of tables) {
      const [{ column } = { column: '' }] = await database.query<{ column: string }>(
        `select attname as column from pg_attribute where attrelid = 'eventsourced.${table}'::regclass and attnum = 1`,
      )
      const sql = statement.replaceAll('%s', `eventsourced.${table}`).replaceAll('%c', column)
      await expect(session.query(sql), sql).rejects.toMatchObject(denied)
    }
    expect(await everythingInside()).toEqual(before)
  })

  it.each([
    `select nextval('eventsourced.event_positions')`,
    `select setval('eventsourced.event_positions', 1)`,
    'alter sequence eventsourced.event_positions restart',
    'drop trigger protect_events on eventsourced.events',
    'alter table eventsourced.events disable trigger protect_events',
    'create table eventsourced.mine (id int)',
    `create function eventsourced.mine() returns int language sql as 'select 1'`,
    `create or replace function eventsourced.frontier() returns bigint language sql as 'select 0::bigint'`,
    'alter function eventsourced.frontier() security invoker',
    'alter function eventsourced.append_to_stream reset search_path',
    'drop function eventsourced.frontier()',
    'create or replace view eventsourced.writer_markers as select 1 as pid, 1::bigint as marked_position',
    'alter schema eventsourced rename to mine',
    'drop schema eventsourced cascade',
    'set session_replication_role = replica',
    'set role postgres',
  ])('cannot `%s`', async (statement) => {
    const before = await everythingInside()
    await expect(session.query(statement)).rejects.toMatchObject(denied)
    expect(await everythingInside()).toEqual(before)
  })

  it('cannot grant its privileges: the server only warns, and grants nothing', async () => {
    const before = await everythingInside()
    for (const objects of ['all tables', 'all sequences', 'all functions']) {
      // On some of them the role has no privilege at all, which is an error.
      await session
        .query(`grant all on ${objects} in schema eventsourced to public`)
        .catch((error: unknown) => {
          expect(error).toMatchObject(denied)
        })
    }
    await session.query('grant select on eventsourced.events to public')
    expect(await everythingInside()).toEqual(before)
  })

  it('may call the functions that the statements of the library call, and no internal function', async () => {
    const functions = await database.query<{ name: string; call: string; allowed: boolean }>(
      `select p.proname as name,
         format('select eventsourced.%I(%s)', p.proname, (
           select string_agg('null::' || format_type(t, null), ', ' order by n)
           from unnest(p.proargtypes::oid[]) with ordinality as a (t, n)
         )) as call,
         has_function_privilege('${role.name}', p.oid, 'execute') as allowed
       from pg_proc p where p.pronamespace = 'eventsourced'::regnamespace order by 1`,
    )
    const internal = functions.filter(({ allowed }) => !allowed)
    expect(internal.map(({ name }) => name)).toEqual([
      'divide_partitions',
      'enter_projections',
      'forget_workers',
      'frontier_after',
      'has_type_index',
      'is_expected',
      'layers_above',
      'mark_writer',
      'matching_positions',
      'matching_streams',
      'part_of_stream',
      'positions_of_types',
      'protect_events',
      'recorded_owners',
      'set_partitions',
    ])
    for (const { call } of internal) await expect(session.query(call), call).rejects.toMatchObject(denied)
  })

  it('is the only one: a role that may only use the schema can call and read nothing', async () => {
    const stranger = await createApplicationRole(database.url)
    await database.query(`grant usage on schema eventsourced to ${stranger.name}`)
    const other = await database.session('stranger', stranger.url)
    await expect(other.query('select eventsourced.frontier()')).rejects.toMatchObject(denied)
    await expect(other.query('select from eventsourced.events')).rejects.toMatchObject(denied)
    await other.end()
    await database.query(
      `drop owned by ${stranger.name}; revoke create on database ${new URL(database.url).pathname.slice(1)} from ${ownerOf(stranger)}`,
    )
    await stranger.drop(inject('servers').postgres)
  })

  it('reads the tables and views by SQL', async () => {
    expect((await session.query('select from eventsourced.events')).rowCount).toBe(3)
    expect((await session.query('select from eventsourced.views')).rowCount).toBe(0)
  })

  it("runs the user's own SQL with its own rights, not with the owner's", async () => {
    await database.query(
      `create table public.notes (stream_id text); grant insert, select on public.notes to ${role.name}`,
    )
    const writing = (sql: string) => ({
      name: sql,
      transactional: true as const,
      handle: async (event: RecordedEvent, { tx }: { tx: SqlTransaction }) =>
        void (await tx.query(sql, [event.streamId])),
    })
    await open().runOnce(writing('insert into notes values ($1)'))
    expect(await database.query('select from notes')).toHaveLength(3)
    const forbidden = open().runOnce(writing('delete from eventsourced.events where $1 = stream_key::text'))
    await expect(forbidden).rejects.toMatchObject({ code: 'subscription-failed', cause: denied })
    expect(await logOf(open())).toHaveLength(3)
  })

  it('writes inline documents, and raw inline projections', async () => {
    const schema = 'with_inline'
    await role.createTables(schema)
    const counts = projection({
      name: 'counts',
      key: ({ streamId }) => streamId,
      initialState: () => 0,
      evolve: (count: number) => count + 1,
    })
    const store = open({ schema, inline: [counts] })
    await store.append('a', counted(3))
    expect(await store.view(counts).get('a')).toMatchObject({ state: 3 })
    expect(await store.verify(counts)).toMatchObject({ differences: [] })
  })

  it.each(connections)('sends and receives notifications, with %s', async (_name, connect) => {
    const { connection, end } = connect(role.url)
    const [here, there] = [postgresStore(connection, { notify: true }), open({ notify: true })]
    const heard = new Promise<string>((resolve) => {
      here.subscribe({
        name: `hearing ${_name}`,
        from: 'end',
        pollInterval: 600_000,
        handle: ({ streamId }) => resolve(streamId),
      })
    })
    // Repeat until the subscription has begun and listens.
    const stop = setInterval(() => void there.append('heard', counted(1)), 50)
    expect(await heard).toBe('heard')
    clearInterval(stop)
    await here.close()
    await end()
  })

  it('sees which processes hold the frontier back, but not the state of other roles’ sessions', async () => {
    const [own, owner] = [
      await database.session('own', role.url),
      await database.session('owner', role.ownerUrl),
    ]
    for (const each of [own, owner]) {
      await each.query('begin')
      await open()
        .inTransaction(each)
        .append(`held ${each === own}`, counted(1))
    }
    const { writers } = await open().frontier()
    expect(writers).toMatchObject([
      { applicationName: 'own', state: 'idle in transaction', openTime: expect.any(Number) },
      { applicationName: 'owner' },
    ])
    expect(Object.keys(writers[1] ?? {})).toEqual(['pid', 'applicationName'])
    for (const each of [own, owner]) await each.query('rollback')
  })
})

describe('the owner of the tables', () => {
  it.each([
    `update eventsourced.events set data = '{}'`,
    'delete from eventsourced.events',
    'truncate eventsourced.events',
  ])(
    'cannot `%s` because of the trigger, and may not disable the trigger for a session',
    async (statement) => {
      const owner = await database.session('owner', role.ownerUrl)
      const before = await everythingInside()
      await expect(owner.query(statement)).rejects.toMatchObject({ code: 'ES004' })
      await expect(owner.query('set session_replication_role = replica')).rejects.toMatchObject(denied)
      expect(await everythingInside()).toEqual(before)
    },
  )

  it('needs no right to create schemas, if the schema exists', async () => {
    const schema = 'made_before'
    await database.query(`create schema ${schema} authorization ${ownerOf(role)};
      revoke create on database ${new URL(database.url).pathname.slice(1)} from ${ownerOf(role)}`)
    await role.createTables(schema)
    expect(await open({ schema }).append('a', counted(1))).toMatchObject({ position: 1 })
    await database.query(
      `grant create on database ${new URL(database.url).pathname.slice(1)} to ${ownerOf(role)}`,
    )
  })
})

const ownerOf = ({ ownerUrl }: ApplicationRole) => new URL(ownerUrl).username
