/**
 * Two versions of the library on one database: the version under test, and a later one that was built from its sources.
 *
 * The fault: a process of the older version that started after the newer one put its own functions back, or refused to
 * start. So rolling deployments and rollbacks broke.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { range } from '../../src/conformance/events.ts'
import { type ApplicationRole, createApplicationRole } from '../application-role.ts'
import { type FreshDatabase, freshDatabase } from '../postgres/fresh-database.ts'
import { laterVersion, mark, presentVersion, stopAll, type Version } from '../postgres/later-version.ts'
import { temporaryFolder } from '../temporary-folder.ts'

let present: Version
let later: Version
let breaking: Version
let database: FreshDatabase

beforeAll(async () => {
  present = await presentVersion()
  later = await laterVersion(1, true)
  breaking = await laterVersion(2, false)
})

afterAll(() => {
  for (const version of [present, later, breaking]) version.remove()
})

beforeEach(async () => {
  database = await freshDatabase()
})

afterEach(async () => {
  await stopAll()
  await database.drop()
})

/** All that a store creates: the definitions and privileges of the functions, views, tables and triggers. */
async function everythingCreated(): Promise<unknown> {
  const here = `'eventsourced'::regnamespace`
  return database.query(`select
    (select json_agg(m order by m.number) from eventsourced.migrations m) as migrations,
    (select json_agg(json_build_array(p.proname, p.prosrc, p.proacl) order by p.oid)
      from pg_proc p where p.pronamespace = ${here}) as functions,
    (select json_agg(json_build_array(c.relname, c.relacl, case c.relkind when 'v' then pg_get_viewdef(c.oid) end) order by c.oid)
      from pg_class c where c.relnamespace = ${here}) as relations,
    (select json_agg(json_build_array(t.oid, t.tgname, t.tgenabled) order by t.oid)
      from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = ${here}) as triggers`)
}

/** The functions in the database that a later version has not written. */
async function unmarkedFunctions(): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    `select proname as name from pg_proc where pronamespace = 'eventsourced'::regnamespace and strpos(prosrc, $1) = 0`,
    [mark],
  )
  return rows.map(({ name }) => name)
}

describe.each([true, false])('with autoCreate: %s', (autoCreate) => {
  it('an older process works on the schema of a newer one, and changes nothing there', async () => {
    const newer = later.open(database.url)
    expect(await newer.call('append', 'a')).toBe(1)
    const before = await everythingCreated()
    const older = present.open(database.url, { autoCreate })
    expect(await older.call('append', 'a')).toBe(2)
    expect(await older.call('log')).toEqual([1, 2])
    expect(await newer.call('append', 'a')).toBe(3)
    expect(await newer.call('log')).toEqual([1, 2, 3])
    expect(await everythingCreated()).toEqual(before)
    expect(await unmarkedFunctions()).toEqual([])
  })

  it('an older process goes on while a newer one updates the schema, and can be restarted', async () => {
    const older = present.open(database.url)
    await older.call('append', 'a')
    await older.call('subscribe', 'older')
    const newer = later.open(database.url)
    await newer.call('subscribe', 'newer')
    for (const version of range(1, 20)) {
      await Promise.all([older.call('append', 'b'), newer.call('append', 'c')])
      if (version === 10) {
        const restarted = present.open(database.url, { autoCreate })
        await restarted.call('subscribe', 'restarted')
      }
    }
    const restarted = present.open(database.url, { autoCreate })
    const log = await restarted.call('log')
    expect(log).toHaveLength(41)
    for (const user of [older, newer]) {
      expect(await user.call('log')).toEqual(log)
      await expect.poll(() => user.call('handled'), { timeout: 20_000 }).toEqual({ handled: log })
    }
    expect(await unmarkedFunctions()).toEqual([])
  })

  it('an older process is refused by a newer schema that does not serve it, and changes nothing', async () => {
    const older = present.open(database.url)
    await older.call('append', 'a')
    const newest = breaking.open(database.url)
    expect(await newest.call('append', 'a')).toBe(2)
    const before = await everythingCreated()
    const refused = present.open(database.url, { autoCreate })
    for (const call of ['create', 'status', 'log'] as const) {
      await expect(refused.call(call), call).rejects.toMatchObject({
        code: 'schema-mismatch',
        message: expect.stringMatching(
          new RegExp(`'eventsourced'.*revision ${breaking.revision}.*update the library`),
        ),
      })
    }
    await expect(refused.call('append', 'a')).rejects.toMatchObject({ code: 'schema-mismatch' })
    expect(await everythingCreated()).toEqual(before)
    expect(await newest.call('append', 'a')).toBe(3)
  })
})

describe('an older process on the schema of a newer one', () => {
  it('says in its status that nothing needs an update, and which revision there is', async () => {
    const newer = later.open(database.url)
    const created = await newer.call('create')
    expect(created).toMatchObject({
      revision: later.revision,
      libraryRevision: later.revision,
      current: 9999,
    })
    const older = present.open(database.url)
    const status = await older.call('status')
    expect(status).toMatchObject({
      revision: later.revision,
      libraryRevision: present.revision,
      current: 9999,
      pending: [],
      functionsCurrent: true,
      upToDate: true,
    })
    expect(status.latest).toBeLessThan(9999)
    const before = await everythingCreated()
    expect(await older.call('create')).toEqual(status)
    expect(await everythingCreated()).toEqual(before)
    expect(await newer.call('status')).toEqual(created)
  })

  it('does not drop the trigger that protects events, with protectEvents: false', async () => {
    const newer = later.open(database.url)
    await newer.call('create')
    const before = await everythingCreated()
    const older = present.open(database.url, { protectEvents: false })
    expect(await older.call('create')).toMatchObject({ upToDate: true, eventsProtected: true })
    await older.call('append', 'a')
    expect(await everythingCreated()).toEqual(before)
  })

  it.each([true, false])(
    'does not start without the protection that it must have, with autoCreate: %s',
    async (autoCreate) => {
      const newer = later.open(database.url, { protectEvents: false })
      await newer.call('append', 'a')
      const before = await everythingCreated()
      const older = present.open(database.url, { autoCreate })
      const refusal = {
        code: 'schema-mismatch',
        message: expect.stringMatching(/trigger.*newer version.*protectEvents: false/),
      }
      expect(await older.call('status')).toMatchObject({ eventsProtected: false, upToDate: false })
      for (const use of [older.call('append', 'a'), older.call('create')]) {
        await expect(use).rejects.toMatchObject(refusal)
      }
      expect(await everythingCreated()).toEqual(before)
      expect(await present.open(database.url, { autoCreate, protectEvents: false }).call('append', 'a')).toBe(
        2,
      )
      await later.open(database.url).call('create')
      expect(await older.call('append', 'a')).toBe(3)
    },
  )

  it('is refused if a migration of its own is not applied there, and does not apply it', async () => {
    await later.open(database.url).call('create')
    await database.query('delete from eventsourced.migrations where number = 3')
    const before = await everythingCreated()
    const older = present.open(database.url)
    const refusal = {
      code: 'schema-mismatch',
      message: expect.stringMatching(/newer.*lack its migration 0003/),
    }
    await expect(older.call('append', 'a')).rejects.toMatchObject(refusal)
    await expect(older.call('create')).rejects.toMatchObject(refusal)
    expect(await everythingCreated()).toEqual(before)
  })

  it('puts nothing back with its script of schema.sql()', async () => {
    await later.open(database.url).call('create')
    const before = await everythingCreated()
    const script = await present.open(database.url).call('sql')
    const session = await database.session()
    await expect(session.query(script)).rejects.toMatchObject({ code: '42P07' })
    await session.query('rollback')
    expect(await everythingCreated()).toEqual(before)
  })
})

/** Holds the lock of schema changes until `release` is called. */
async function holdSchemaLock() {
  const session = await database.session()
  await session.query(
    `begin; select pg_advisory_xact_lock(hashtext('eventsourced migrations of eventsourced'))`,
  )
  return {
    async waiters(count: number): Promise<void> {
      const waiting = `select from pg_locks where locktype = 'advisory' and not granted`
      while ((await database.query(waiting)).length < count) await sleep(5)
    },
    release: () => session.query('commit'),
  }
}

describe('an older and a newer process that start at the same moment', () => {
  // The race: both find a schema that is out of date, and wait for the lock of schema changes. The newer one updates the
  // schema. Then the older one gets the lock. If it judged by what it has read before the lock, it would put its
  // functions back.
  it.each(['older', 'newer'])(
    'both work on the functions of the newer one, if the %s has the lock first',
    async (first) => {
      await present.open(database.url).call('create')
      await database.query(
        `update eventsourced.migrations set checksum = 'of a development build' where number = 0`,
      )
      const lock = await holdSchemaLock()
      const open = {
        older: () => present.open(database.url).call('append', 'a'),
        newer: () => later.open(database.url).call('append', 'a'),
      }
      const appends = [first === 'older' ? open.older() : open.newer()]
      await lock.waiters(1)
      appends.push(first === 'older' ? open.newer() : open.older())
      await lock.waiters(2)
      await lock.release()
      expect((await Promise.all(appends)).sort()).toEqual([1, 2])
      expect(await unmarkedFunctions()).toEqual([])
    },
  )

  it('create the tables of the newer one, three processes each', async () => {
    const starting = [1, 2, 3].flatMap(() => [present, later])
    const users = starting.map((version) => version.open(database.url))
    const versions = await Promise.all(users.map((user) => user.call('append', 'a')))
    expect(versions.sort()).toEqual(range(1, 6))
    expect(await unmarkedFunctions()).toEqual([])
    for (const user of users)
      expect(await user.call('status')).toMatchObject({ revision: later.revision, upToDate: true })
  })

  it('never both work if the newer one does not serve the older one', async () => {
    await present.open(database.url).call('create')
    await database.query(
      `update eventsourced.migrations set checksum = 'of a development build' where number = 0`,
    )
    const lock = await holdSchemaLock()
    const newest = breaking.open(database.url).call('append', 'a')
    await lock.waiters(1)
    const older = present
      .open(database.url)
      .call('append', 'a')
      .catch((error: unknown) => error)
    await lock.waiters(2)
    await lock.release()
    expect(await newest).toBe(1)
    expect(await older).toMatchObject({
      code: 'schema-mismatch',
      message: expect.stringContaining('revision'),
    })
    expect(await unmarkedFunctions()).toEqual([])
  })
})

describe('the role of an application', () => {
  let role: ApplicationRole
  beforeEach(async () => {
    role = await createApplicationRole(database.url)
  })
  afterEach(async () => {
    await stopAll()
    await database.query(`drop owned by ${role.name}, ${new URL(role.ownerUrl).username} cascade`)
    await role.drop(inject('servers').postgres)
  })

  /** Runs a script of grants as the owner. */
  async function grant(script: string): Promise<void> {
    const session = await database.session('owner', role.ownerUrl)
    await session.query(script).finally(() => session.query('rollback'))
  }

  it.each([true, false])(
    'starts with an older library on a newer schema, with autoCreate: %s',
    async (autoCreate) => {
      await role.createTables('eventsourced')
      const running = present.open(role.url, { autoCreate })
      await running.call('append', 'a')
      const owner = later.open(role.ownerUrl)
      await owner.call('create')
      // The new function is not granted yet.
      await expect(later.open(role.url).call('append', 'a')).rejects.toMatchObject({
        code: 'missing-privileges',
        message: expect.stringContaining('of_tomorrow'),
      })
      expect(await present.open(role.url, { autoCreate }).call('append', 'a')).toBe(2)

      await grant(await owner.call('grantSql', role.name))
      expect(await later.open(role.url, { autoCreate }).call('append', 'a')).toBe(3)
      expect(await present.open(role.url, { autoCreate }).call('append', 'a')).toBe(4)
      expect(await running.call('append', 'a')).toBe(5)
    },
  )

  it('keeps what a newer script of grants gave it, also after the script of an older version', async () => {
    const owner = later.open(role.ownerUrl)
    await owner.call('create')
    const older = present.open(role.ownerUrl)
    // The older script alone gives what an older process needs.
    await grant(await older.call('grantSql', role.name))
    expect(await present.open(role.url).call('append', 'a')).toBe(1)
    await grant(await owner.call('grantSql', role.name))
    const before = await everythingCreated()
    await grant(await older.call('grantSql', role.name))
    expect(await everythingCreated()).toEqual(before)
    expect(await later.open(role.url).call('append', 'a')).toBe(2)
  })

  it('is not granted to by the script of a version that the schema does not serve', async () => {
    await breaking.open(role.ownerUrl).call('create')
    const before = await everythingCreated()
    const script = await present.open(database.url).call('grantSql', role.name)
    await expect(grant(script)).rejects.toMatchObject({ message: expect.stringContaining('revision') })
    expect(await everythingCreated()).toEqual(before)
  })
})

// Four processes start the embedded server, one after the other.
it('a PGlite folder of a newer version opens with an older one, unless it does not serve it', {
  timeout: 120_000,
}, async () => {
  const folder = temporaryFolder('versions')
  try {
    const connection = `pglite:${folder.path}/data`
    const sessions = [
      [later, 1],
      [present, 2],
      [breaking, 3],
    ] as const
    for (const [library, version] of sessions) {
      const user = library.open(connection)
      expect(await user.call('append', 'a')).toBe(version)
      await user.stop()
    }
    await expect(present.open(connection).call('append', 'a')).rejects.toMatchObject({
      code: 'schema-mismatch',
    })
  } finally {
    await stopAll()
    folder.remove()
  }
})
