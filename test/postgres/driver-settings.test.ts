/** Settings of a driver or a pooler under which the store cannot work: the error says so, and what to change. */
import { postgresStore } from '@eventsourced/core/postgres'
import postgres from 'postgres'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { counted, logOf } from '../../src/conformance/events.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

let database: FreshDatabase

beforeEach(async () => {
  database = await freshDatabase()
})

afterEach(() => database.drop())

const transforms: readonly (readonly [string, NonNullable<postgres.Options<never>['transform']>])[] = [
  ['postgres.camel', postgres.camel],
  ['postgres.toPascal', { column: { from: postgres.toPascal } }],
  ['of values', { value: { from: (value: unknown) => value } }],
  ['of rows', { row: { from: (row: object) => row } }],
]

// The fault: the driver renamed the columns of the store's answers. The store missed them, and said that the sequence was
// changed and that its owner should run `alter sequence`.
it.each(transforms)('postgres.js with the transform %s is refused in true words', async (_, transform) => {
  const sql = postgres(database.url, { transform })
  const refusal = { code: 'invalid-input', field: 'connection', message: expect.stringMatching(/transform/) }
  expect(() => postgresStore(sql)).toThrow(expect.objectContaining(refusal))
  await sql.end()
})

it('a transaction of such a postgres.js is refused in true words, and nothing is written', async () => {
  const store = postgresStore(database.url)
  await store.append('a', counted(1))
  const sql = postgres(database.url, { transform: postgres.camel })
  await sql.begin(async (transaction) => {
    const refusal = await store
      .inTransaction(transaction)
      .append('a', counted(1))
      .catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'invalid-input', message: expect.stringMatching(/transform/) })
  })
  expect(await logOf(store)).toHaveLength(1)
  await sql.end()
  await store.close()
})

it('postgres.js that only sends undefined as null works', async () => {
  const sql = postgres(database.url, { transform: { undefined: null } })
  expect(await postgresStore(sql).append('a', counted(1))).toMatchObject({ version: 1 })
  await sql.end()
})

// The fault: a pooler in transaction mode runs `discard all` between two transactions, and so drops the statements that
// the driver believes to be prepared. The error said only that a statement does not exist.
it('the error of a pooler that discards prepared statements names prepare: false', async () => {
  const session = await database.session()
  const store = postgresStore(session)
  await store.append('a', counted(1))
  await session.query('discard all')
  await expect(store.append('a', counted(1))).rejects.toMatchObject({
    code: 'storage-failed',
    message: expect.stringContaining('prepare: false'),
  })
  const unprepared = postgresStore(session, { prepare: false })
  await unprepared.append('a', counted(1))
  await session.query('discard all')
  expect(await unprepared.append('a', counted(1))).toMatchObject({ version: 3 })
  await store.close()
})
