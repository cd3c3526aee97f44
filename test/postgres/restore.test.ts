/** Restores a dump into a database on another server: the log is the same, and appends continue after it. */
import { PGlite } from '@electric-sql/pglite'
import { pgDump } from '@electric-sql/pglite-tools/pg_dump'
import { hasCode } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  counted,
  everything,
  identified,
  logOf,
  numbersOf,
  range,
  streamOf,
} from '../../src/conformance/events.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const repeated = identified(3, 100)
let before: unknown
let first: object
let head: number
let database: FreshDatabase
let store: PostgresStore

beforeAll(async () => {
  const pglite = await PGlite.create()
  const original = postgresStore(pglite)
  for (const number of range(1, 20)) await original.append(`stream-${number % 3}`, counted(2, number))
  first = await original.append('repeated', repeated)
  await original.createStream('empty', { metadata: { kind: 'é "quoted" \\ 🜁' } })
  await original.append(
    'rich',
    [
      {
        type: 'It’s "rich"',
        data: { text: "it's\n\\ \u2028 🜁", price: 12345678901.25 },
        tags: ['a,b', '{}'],
      },
    ],
    { metadata: { by: 'O’Hara' } },
  )
  // This position belongs to no event, as after an append that was rolled back.
  await pglite.query(`select nextval('eventsourced.event_positions')`)
  before = await everything(original)
  head = (await original.frontier()).head
  const dump = await (await pgDump({ pg: pglite })).text()
  await original.close()
  await pglite.close()

  database = await freshDatabase()
  const session = await database.session()
  await session.query(dump)
  store = postgresStore(database.url, { autoCreate: false })
})

afterAll(async () => {
  await store.close()
  await database.drop()
})

it('the restored tables are up to date, and protected', async () => {
  expect(await store.schema.status()).toMatchObject({ upToDate: true })
  await expect(database.query('delete from eventsourced.events')).rejects.toMatchObject({ code: 'ES004' })
})

it('everything is visible, in the same order', async () => {
  expect(await everything(store)).toEqual(before)
  expect(await store.frontier()).toMatchObject({ position: head, head, writers: [] })
})

it('an append from before the dump is recognized when it is repeated', async () => {
  expect(await store.append('repeated', repeated)).toEqual({ ...first, deduplicated: true })
  const elsewhere = await store.append('elsewhere', repeated).catch((error: unknown) => error)
  expect(hasCode(elsewhere, 'duplicate-event-id') && elsewhere.streamId).toBe('repeated')
})

it('appends continue: with greater positions, the next versions, and conflicts', async () => {
  const conflict = store.append('stream-1', counted(1), { expectedVersion: 13 })
  await expect(conflict).rejects.toMatchObject({ code: 'wrong-expected-version', actual: 14 })
  const following = logOf(store, { follow: true, after: head, limit: 4 })
  const appended = await store.append('stream-1', counted(2, 21), { expectedVersion: 14 })
  expect(appended.version).toBe(16)
  expect(Math.min(...appended.positions)).toBeGreaterThan(head)
  expect(await store.append('empty', counted(1), { expectedVersion: 0 })).toMatchObject({ version: 1 })
  await expect(store.createStream('empty')).rejects.toMatchObject({ code: 'stream-already-exists' })
  expect(await store.append('new', counted(1), { expectedVersion: 'noStream' })).toMatchObject({ version: 1 })
  // A reader that had read up to the dump's end gets the new events, and nothing else.
  expect((await following).map(({ streamId }) => streamId)).toEqual(['stream-1', 'stream-1', 'empty', 'new'])
  expect(numbersOf(await streamOf(store, 'stream-1')).slice(-2)).toEqual([21, 22])
})
