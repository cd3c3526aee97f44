/** Tables of another version of the library, tables that were changed by hand, and the protection of events. */
import { SchemaMismatchError } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { logOf } from '../../src/conformance/events.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const started = [{ type: 'Started', data: {} }]

let database: FreshDatabase
let store: PostgresStore
let later: PostgresStore

/** Checks that every call of a store that uses the tables for the first time is refused. */
async function expectMismatch(message: RegExp): Promise<void> {
  const attempts = [
    () => later.append('a', started),
    () => logOf(later),
    () => later.schema.status(),
    () => later.schema.create(),
  ]
  for (const attempt of attempts) {
    const refusal = await attempt().then(
      () => expect.fail(`${attempt} was not refused`),
      (error: unknown) => error,
    )
    expect(refusal, String(attempt)).toBeInstanceOf(SchemaMismatchError)
    expect(String(refusal)).toMatch(message)
  }
}

beforeEach(async () => {
  database = await freshDatabase()
  store = postgresStore(database.url)
  later = postgresStore(database.url)
  await store.append('a', started)
})

afterEach(async () => {
  await Promise.all([store.close(), later.close()])
  await database.drop()
})

describe('a store that finds tables that are not its own', () => {
  it('refuses a migration that it does not know: the library is older than the tables', async () => {
    await database.query(`insert into eventsourced.migrations values (9999, '9999-of-tomorrow', 'abc')`)
    await expectMismatch(/migration 9999.*update the library/)
    await database.query('delete from eventsourced.migrations where number = 9999')
    expect(await later.append('a', started)).toMatchObject({ version: 2 })
  })

  it('refuses a migration with another checksum', async () => {
    await database.query(`update eventsourced.migrations set checksum = 'abc' where number = 1`)
    await expectMismatch(/checksum abc/)
    // The refused attempts changed nothing.
    expect(await store.append('a', started)).toMatchObject({ version: 2 })
  })

  it('fails with the same error if the tables were dropped meanwhile, and does not create them again', async () => {
    await database.query('drop schema eventsourced cascade')
    await expect(store.append('a', started)).rejects.toThrow(SchemaMismatchError)
    await expect(logOf(store)).rejects.toThrow(SchemaMismatchError)
    expect(await store.schema.create()).toMatchObject({ upToDate: true })
    expect(await store.append('a', started)).toMatchObject({ version: 1 })
  })

  it('applies the functions again if they are of another version', async () => {
    await database.query(`
      update eventsourced.migrations set checksum = 'abc' where number = 0;
      create or replace function eventsourced.frontier_after(after bigint) returns bigint
        language sql as 'select 0::bigint'`)
    expect(await logOf(store)).toEqual([])
    expect(await later.schema.status()).toMatchObject({
      functionsCurrent: false,
      pending: [],
      upToDate: false,
    })

    expect(await logOf(later)).toHaveLength(1)
    expect(await later.schema.status()).toMatchObject({ functionsCurrent: true, upToDate: true })
  })

  it('does not apply them with autoCreate: false', async () => {
    await database.query(`update eventsourced.migrations set checksum = 'abc' where number = 0`)
    const careful = postgresStore(database.url, { autoCreate: false })
    await expect(careful.append('a', started)).rejects.toThrow(SchemaMismatchError)
    await careful.schema.create()
    expect(await careful.append('a', started)).toMatchObject({ version: 2 })
    await careful.close()
  })
})

describe('the protection of events', () => {
  const forbidden = [
    `update eventsourced.events set data = '{}'`,
    'update eventsourced.events set position = position + 1 where false',
    'delete from eventsourced.events',
    'truncate eventsourced.events',
    'truncate eventsourced.streams, eventsourced.events',
  ]

  it.each(forbidden)('refuses `%s` with SQLSTATE ES004', async (statement) => {
    await expect(database.query(statement)).rejects.toMatchObject({ code: 'ES004' })
    expect(await logOf(store)).toHaveLength(1)
  })

  // The fault: a schema that was made with protectEvents: false stayed unprotected, and its status was `upToDate`.
  it.each([
    ['missing', 'drop trigger protect_events on eventsourced.events'],
    ['disabled', 'alter table eventsourced.events disable trigger protect_events'],
  ])('is put back if it is %s, and the status says so before', async (_, change) => {
    await database.query(change)
    const status = { eventsProtected: false, functionsCurrent: true, upToDate: false }
    expect(await later.schema.status()).toMatchObject(status)
    const lenient = postgresStore(database.url, { protectEvents: false })
    expect(await lenient.schema.status()).toMatchObject({ eventsProtected: false, upToDate: true })
    const careful = postgresStore(database.url, { autoCreate: false })
    await expect(careful.append('a', started)).rejects.toMatchObject({
      code: 'schema-mismatch',
      message: expect.stringContaining('protectEvents: false'),
    })
    await later.append('a', started)
    expect(await later.schema.status()).toMatchObject({ eventsProtected: true, upToDate: true })
    await expect(database.query('delete from eventsourced.events')).rejects.toMatchObject({ code: 'ES004' })
    await Promise.all([careful.close(), lenient.close()])
  })

  it('is dropped with protectEvents: false, and later stores with that option do not add it', async () => {
    await database.query('drop schema eventsourced cascade')
    const lenient = postgresStore(database.url, { protectEvents: false })
    await lenient.append('a', started)
    await database.query('update eventsourced.migrations set checksum = $1 where number = 0', ['abc'])
    const another = postgresStore(database.url, { protectEvents: false })
    await another.append('a', started)
    await database.query(`update eventsourced.events set data = '{"changed": true}' where position = 1`)
    await database.query('delete from eventsourced.events where position = 2')
    expect(await logOf(lenient)).toMatchObject([{ data: { changed: true } }])
    await Promise.all([lenient.close(), another.close()])
  })
})
