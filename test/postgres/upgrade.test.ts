/** Databases of earlier revisions of the schema, which subscriptions were using when it was brought up to date. */
import { readFileSync } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import type { PostgresConnection } from '@eventsourced/core/postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { migrations } from '../../src/postgres/sql.generated.ts'
import { inSchema } from '../../src/postgres/statements.ts'
import { sleep } from '../../src/runtime/abort.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { bareStorage, definitionOf, keep, registered } from './bare-storage.ts'
import { freshDatabase } from './fresh-database.ts'

const functionsOfRevision1 = readFileSync(new URL('revision-1.sql', import.meta.url), 'utf8')

/** The SQL that makes a database as a library of revision 1 has left it. */
const revision1 = `
  create schema eventsourced;
  create table eventsourced.migrations (number int primary key, name text not null, checksum text not null,
    applied_at timestamptz not null default now(), revision int, serves_from int);
  ${migrations
    .slice(0, 3)
    .map(
      ({ number, name, checksum, sql }) => `${inSchema(sql, 'eventsourced')}
      insert into eventsourced.migrations (number, name, checksum) values (${number}, '${name}', '${checksum}');`,
    )
    .join('\n')}
  ${functionsOfRevision1}
  insert into eventsourced.migrations (number, name, checksum, revision, serves_from)
  values (0, 'functions', 'of revision 1', 1, 1);`

/** Two workers of 'mailer', one of them dead; a build; parked events; a worker of a subscription that never was. */
const inUse = `
  set search_path = eventsourced;
  select create_subscription('mailer', 3, 7), create_subscription('$build:stock', 1, 0);
  select keep_leases('mailer', 'dead', 60000);
  select release_lease('mailer', 1, 1), release_lease('mailer', 2, 1);
  select keep_leases('mailer', 'living', 60000);
  select advance_checkpoint('mailer', c.partition, c.token, 9) from checkpoints c where owner = 'living';
  select park_events('mailer', c.partition, c.token, 9, '{8,9}',
    '{a,a}', array[gen_random_uuid(), gen_random_uuid()], '{A,A}', '{parked,blocked}', '{1,0}', '{no,no}', '{null,null}')
    from checkpoints c where owner = 'living' limit 1;
  select keep_leases('$build:stock', 'builder', 60000);
  select keep_leases('nothing', 'stray', 60000);
  update checkpoints set lease_until = now() where owner = 'dead';
  update workers set alive_until = now() where worker = 'dead';
  reset search_path;`

interface Prepared {
  readonly connection: PostgresConnection
  query(sql: string): Promise<readonly unknown[]>
  close(): Promise<void>
}

const servers: readonly [name: string, prepare: () => Promise<Prepared>][] = [
  [
    'Postgres',
    async () => {
      const database = await freshDatabase()
      return { connection: database.url, query: (sql) => database.query(sql), close: () => database.drop() }
    },
  ],
  [
    'PGlite',
    async () => {
      const pglite = await PGlite.create()
      return {
        connection: pglite,
        query: async (sql) => (await pglite.exec(sql)).at(-1)?.rows ?? [],
        close: () => pglite.close(),
      }
    },
  ],
]

describe.each(servers)('revision 1 on %s', (_, prepare) => {
  let prepared: Prepared
  let storage: Storage

  beforeAll(async () => {
    prepared = await prepare()
  })

  afterAll(() => prepared.close())

  beforeEach(async () => {
    await prepared.query('drop schema if exists eventsourced cascade')
    await prepared.query(revision1)
    await prepared.query(inUse)
    storage = bareStorage(prepared.connection)
  })

  afterEach(() => storage.close())

  it('registers what there is, under its name as the place, without a definition', async () => {
    const earlier = {
      definition: undefined,
      isPaused: false,
      successor: undefined,
      createdAt: expect.any(Date),
      revision: 1,
    }
    expect(await storage.listSubscriptions('', 10)).toEqual([
      { ...earlier, name: '$build:stock', place: '$build:stock', partitions: 1 },
      { ...earlier, name: 'mailer', place: 'mailer', partitions: 3 },
    ])
    expect(await prepared.query('select name, kind from eventsourced.subscriptions order by 1')).toEqual([
      { name: '$build:stock', kind: 'build' },
      { name: 'mailer', kind: null },
    ])
    expect(await prepared.query('select place, worker from eventsourced.workers order by 1, 2')).toEqual([
      { place: '$build:stock', worker: 'builder' },
      { place: 'mailer', worker: 'dead' },
      { place: 'mailer', worker: 'living' },
    ])
    expect(await storage.createSubscription('mailer', definitionOf(), 1)).toMatchObject({ place: 'mailer' })
  })

  it('keeps checkpoints, running leases and parked events', async () => {
    expect(await storage.checkpoints('mailer')).toEqual([
      { partition: 0, position: 7, owner: undefined },
      { partition: 1, position: 9, owner: 'living' },
      { partition: 2, position: 9, owner: 'living' },
    ])
    expect(await storage.listParked('mailer', 0, 10)).toMatchObject([
      { position: 8, state: 'parked' },
      { position: 9, state: 'blocked' },
    ])
    const mailer = await registered(storage, 'mailer')
    // A new worker takes the lease of the dead one, and none of the living one.
    expect((await keep(storage, mailer, 'new')).leases).toMatchObject([{ partition: 0, token: 2 }])
    // The living one, were it a program of this version with the same name, would keep its leases.
    const { leases } = await keep(storage, mailer, 'living')
    expect(leases).toMatchObject([
      { partition: 1, token: 2 },
      { partition: 2, token: 2 },
    ])
    expect(await storage.advance(leases.map((lease) => ({ lease, position: 12 })))).toEqual([
      'moved',
      'moved',
    ])
  })

  it('takes the leases of its workers once their time has ended', async () => {
    const mailer = await registered(storage, 'mailer')
    await prepared.query(`update eventsourced.workers set alive_until = now() + interval '100 milliseconds'`)
    await sleep(120)
    expect((await keep(storage, mailer, 'new')).leases).toMatchObject([
      { token: 2 },
      { token: 3 },
      { token: 3 },
    ])
  })

  it('gives a definition, partitions and a successor to a subscription of that revision', async () => {
    const mailer = await registered(storage, 'mailer')
    const definition = definitionOf({ version: 2, partitions: 3 })
    expect(await storage.changeSubscription(mailer, { definition, partitions: 2 })).toBe(true)
    const changed = await registered(storage, 'mailer')
    expect(changed).toMatchObject({ definition, partitions: 2 })
    const { leases, skip } = await keep(storage, changed, 'new', { version: 2 })
    expect(skip).toEqual([[7, 9, 9]])
    expect(leases.map(({ position }) => position)).toEqual([7, 7])
    expect(await storage.takeOverSubscription(changed, 'next', definition)).toBe(true)
    expect(await storage.removeSubscription(await registered(storage, 'mailer'))).toBe(true)
    // The place of the successor is the old name, so this subscription gets another one.
    const again = await storage.createSubscription('mailer', definition, 0)
    expect(again.place).not.toBe('mailer')
    expect(await registered(storage, 'next')).toMatchObject({ place: 'mailer' })
  })

  it('leaves no function of revision 1 beside one of the same name', async () => {
    await storage.listSubscriptions('', 1)
    const twice = `select proname from pg_proc where pronamespace = 'eventsourced'::regnamespace
      group by 1 having count(*) > 1`
    expect(await prepared.query(twice)).toEqual([])
  })

  it('keeps the privileges on the view', async () => {
    await prepared.query(`create role monitoring_${process.pid};
      grant select on eventsourced.monitored_subscriptions to monitoring_${process.pid}`)
    await storage.listSubscriptions('', 1)
    const [row] = await prepared.query(`select
      has_table_privilege('monitoring_${process.pid}', 'eventsourced.monitored_subscriptions', 'select') as may_read`)
    expect(row).toEqual({ may_read: true })
    const rows =
      await prepared.query(`select subscription, partition, owner, parked::int as parked, is_paused, kind, version
      from eventsourced.monitored_subscriptions order by subscription, partition`)
    const columns = { is_paused: false, kind: null, version: null, parked: 0 }
    expect(rows).toEqual([
      { ...columns, subscription: '$build:stock', partition: 0, owner: 'builder', kind: 'build' },
      { ...columns, subscription: 'mailer', partition: 0, owner: null },
      { ...columns, subscription: 'mailer', partition: 1, owner: 'living', parked: 2 },
      { ...columns, subscription: 'mailer', partition: 2, owner: 'living' },
    ])
    await prepared.query(`drop owned by monitoring_${process.pid}; drop role monitoring_${process.pid}`)
  })
})
