/**
 * An attacker puts its own objects in place of the built-in ones, and calls functions that run with the owner's rights.
 * Each attack must first succeed on functions without the defence. Otherwise its failure would prove nothing.
 */
import { type PostgresStore, postgresStore, type TransactionalStore } from '@eventsourced/core/postgres'
import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { counted, logOf } from '../../src/conformance/events.ts'
import { type ApplicationRole, createApplicationRole } from '../application-role.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

let database: FreshDatabase
let role: ApplicationRole
let attacker: pg.Client
let store: PostgresStore

beforeEach(async () => {
  database = await freshDatabase()
  role = await createApplicationRole(database.url)
  await role.createTables('eventsourced')
  // Counts how often roles other than the attacker ran its code. A sequence keeps the count even if the call fails.
  await database.query(`
    create schema evil authorization ${role.name};
    create sequence evil.victims;
    grant usage on sequence evil.victims to public;
    grant usage on schema evil to public`)
  attacker = await database.session('attacker', role.url)
  await attacker.query(`
    create function evil.ran() returns boolean language plpgsql as $$
    begin
      if current_user operator(pg_catalog.<>) '${role.name}' then perform nextval('evil.victims'); end if;
      return true;
    end $$`)
  store = postgresStore(role.ownerUrl)
})

afterEach(async () => {
  await store.close()
  await database.drop()
  await role.drop(inject('servers').postgres)
})

/** Returns whether the attacker's code ran with the rights of another role. */
async function hadVictims(): Promise<boolean> {
  const [row] = await database.query<{ had: boolean }>('select is_called as had from evil.victims')
  return row?.had === true
}

/** Removes a defence from all functions, as their owner. */
async function weaken(change: string): Promise<void> {
  const functions = await database.query<{ name: string }>(
    `select p.oid::regprocedure::text as name from pg_proc p
     where p.pronamespace = 'eventsourced'::regnamespace and p.prosecdef`,
  )
  for (const { name } of functions) await database.query(`alter function ${name} ${change}`)
}

/** Calls functions that write and that read. The attack may make them fail, which does not matter here. */
async function callAll(session: pg.Client): Promise<void> {
  const own = postgresStore(session)
  const inside = async (work: (store: TransactionalStore) => Promise<unknown>) => {
    await session.query('begin')
    await work(own.inTransaction(session)).finally(() => session.query('commit'))
  }
  const calls: (() => Promise<unknown>)[] = [
    () => inside((store) => store.append('a', counted(2))),
    () => inside((store) => store.append('a', counted(1), { expectedVersion: 2 })),
    () => inside((store) => store.appendAll([{ streamId: 'b', events: counted(1) }])),
    () => inside((store) => store.createStream('c')),
    () => own.import([{ streamId: 'd', type: 'Imported', data: 1 }]),
    () => logOf(own),
    () => own.frontier(),
    () =>
      own.runOnce({
        name: 'one',
        handle: () => Promise.reject(new Error('no')),
        onError: { retries: 0, action: 'park' },
      }),
    () => own.parked('one').skip(1),
  ]
  for (const call of calls) await call().catch(() => {})
}

describe('operators and functions in front of the catalog', () => {
  const attack = `
    create function evil.equal(bigint, integer) returns boolean language sql as 'select evil.ran() and $1 operator(pg_catalog.=) $2';
    create operator evil.= (leftarg = bigint, rightarg = integer, function = evil.equal);
    create function evil.equal(text, text) returns boolean language sql as 'select evil.ran() and $1 operator(pg_catalog.=) $2';
    create operator evil.= (leftarg = text, rightarg = text, function = evil.equal);
    create function evil.cardinality(uuid[]) returns integer language sql as 'select case when evil.ran() then pg_catalog.cardinality($1) end';
    create function evil.clock_timestamp() returns timestamptz language sql as 'select case when evil.ran() then pg_catalog.clock_timestamp() end';
    create function evil.pg_is_in_recovery() returns boolean language sql as 'select not evil.ran()';
    set search_path = evil, pg_catalog, eventsourced`

  it('run with the rights of the owner if functions do not set their own search_path', async () => {
    await weaken('reset search_path')
    await attacker.query(attack)
    await callAll(attacker)
    expect(await hadVictims()).toBe(true)
  })

  it('never run with the rights of the owner with the real functions', async () => {
    await attacker.query(attack)
    await callAll(attacker)
    expect(await hadVictims()).toBe(false)
    expect(await store.streamInfo('a')).toMatchObject({ version: 3 })
  })
})

describe('temporary types and tables', () => {
  const attack = `
    create domain pg_temp.text as pg_catalog.text check (evil.ran());
    create domain pg_temp.timestamptz as pg_catalog.timestamptz check (evil.ran());
    create temporary table pg_locks as select 1 as pid;
    create temporary table events as select 1 as position;
    grant all on events, pg_locks to public;
    -- The statements that call the functions run on the attacker's path, and must work.
    set search_path = pg_catalog, pg_temp`

  it('replace those of the catalog if the search_path does not name pg_temp last', async () => {
    await weaken('set search_path = pg_catalog')
    await attacker.query(attack)
    await callAll(attacker)
    expect(await hadVictims()).toBe(true)
  })

  it('never replace those of the catalog with the real functions', async () => {
    await attacker.query(attack)
    await callAll(attacker)
    expect(await hadVictims()).toBe(false)
    expect(await store.streamInfo('a')).toMatchObject({ version: 3 })
  })
})

it('every function that runs with the rights of the owner has the same search_path, and no other function has those rights', async () => {
  const functions = await database.query<{ settings: string[] | null; definer: boolean }>(
    `select p.proconfig as settings, p.prosecdef as definer from pg_proc p where p.pronamespace = 'eventsourced'::regnamespace`,
  )
  const definers = functions.filter(({ definer }) => definer)
  expect(definers.length).toBeGreaterThan(20)
  for (const { settings } of definers) expect(settings).toContain('search_path=pg_catalog, pg_temp')
})
