/**
 * The races between an append that lacks an inline projection and another process that makes the projection inline.
 * Each test holds one side open at the dangerous moment:
 *
 *     rebuild          looks where the log ends ─────────────▶ switches     the append commits afterwards
 *     first append     finds the log empty ──▶ registers it ──▶ commits     the append commits meanwhile
 *
 * Without the lock of `lock_appends`, the documents would lack the event for ever.
 */
import { projection } from '@eventsourced/core'
import { type PostgresStore, type PostgresStoreOptions, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { counted } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const total = projection({
  name: 'total',
  events: ['Counted'],
  key: () => 'all',
  initialState: () => 0,
  evolve: (sum: number) => sum + 1,
})
const missing = { code: 'missing-inline-projection', projections: ['total'] }

let database: FreshDatabase
let opened: PostgresStore[]

function open(options?: PostgresStoreOptions): PostgresStore {
  const store = postgresStore(database.url, options)
  opened.push(store)
  return store
}

beforeEach(async () => {
  database = await freshDatabase()
  opened = []
})

afterEach(async () => {
  await Promise.all(opened.map((store) => store.close()))
  await database.drop()
})

/** Whether the work has ended after some time. */
const hasEnded = (work: Promise<unknown>) =>
  Promise.race([
    work.then(
      () => true,
      () => true,
    ),
    sleep(300).then(() => false),
  ])

const waitingForLock = async () =>
  (
    await database.query(
      `select from pg_stat_activity where wait_event = 'advisory' and datname = current_database()`,
    )
  ).length

it('a rebuild folds in an append that began before it', async () => {
  const plain = open()
  await plain.append('a', counted(1))
  const session = await database.session()
  await session.query('begin')
  await plain.inTransaction(session).append('b', counted(1))
  const rebuilt = open().rebuild(total, { mode: 'inline' })
  expect(await hasEnded(rebuilt)).toBe(false)
  await session.query('commit')
  await rebuilt
  expect(await plain.view(total).get('all')).toMatchObject({ state: 2 })
  await expect(plain.append('a', counted(1))).rejects.toMatchObject(missing)
  expect((await plain.verify(total)).ok).toBe(true)
})

it('an append waits for the end of a registration that is under way, and is then refused', async () => {
  const plain = open()
  await plain.schema.create()
  const session = await database.session()
  await session.query(`begin; select eventsourced.register_projections('{total}', '{1}', '{inline}')`)
  const appended = plain.append('a', counted(1))
  appended.catch(() => {})
  expect(await hasEnded(appended)).toBe(false)
  expect((await plain.frontier()).writers).toEqual([])
  await session.query('commit')
  await expect(appended).rejects.toMatchObject(missing)
  const store = open({ inline: [total] })
  await store.append('a', counted(1))
  expect(await store.view(total).get('all')).toMatchObject({ state: 1 })
})

it('a process that dies while it makes a projection inline changes nothing, and appends continue', async () => {
  const plain = open()
  await plain.append('a', counted(1))
  await plain.rebuild(total)
  const session = await database.session()
  const [{ pid } = { pid: 0 }] = (await session.query('select pg_backend_pid() as pid')).rows
  await session.query(
    `begin; select eventsourced.lock_appends(); select eventsourced.set_projection('total', 1, 1, 'inline')`,
  )
  const appended = plain.append('a', counted(1))
  while ((await waitingForLock()) === 0) await sleep(10)
  await database.query('select pg_terminate_backend($1)', [pid])
  expect(await appended).toMatchObject({ version: 2 })
})

it('a store that lacks a projection is refused in a transaction in which another store has appended', async () => {
  const [store, plain] = [open({ inline: [total] }), open()]
  await store.schema.create()
  const session = await database.session()
  await session.query('begin')
  await store.inTransaction(session).append('a', counted(1))
  await session.query('savepoint mine')
  await expect(plain.inTransaction(session).append('a', counted(1))).rejects.toMatchObject(missing)
  await session.query('rollback to savepoint mine')
  await store.inTransaction(session).append('a', counted(1))
  await session.query('commit')
  expect(await store.view(total).get('all')).toMatchObject({ state: 2 })
  expect((await store.readStream('a')).version).toBe(2)
})

it('a transactional handler whose store lacks a projection cannot append through its transaction', async () => {
  const [store, plain] = [open({ inline: [total] }), open()]
  await store.append('a', counted(1))
  const handled = plain.runOnce({
    name: 'copies',
    transactional: true,
    onError: { retries: 0 },
    handle: async (_event, { tx }) => {
      await plain.inTransaction(tx.client as never).append('copy', counted(1))
    },
  })
  await expect(handled).rejects.toMatchObject({ code: 'subscription-failed', cause: missing })
  expect((await store.readStream('copy')).exists).toBe(false)
})

it('a registration that was rolled back is made again', async () => {
  const store = open({ inline: [total] })
  await store.schema.create()
  const session = await database.session()
  await session.query('begin')
  await store.inTransaction(session).append('a', counted(1))
  await session.query('rollback')
  await store.append('a', [{ type: 'Ignored', data: {} }])
  await expect(open().append('a', counted(1))).rejects.toMatchObject(missing)
})

it.each(['commit', 'rollback'] as const)(
  'an append waits for the first one, which registers the projection in a transaction that ends with %s',
  async (end) => {
    const [first, second] = [open({ inline: [total] }), open({ inline: [total] })]
    await first.schema.create()
    const client = new pg.Client(database.url)
    await client.connect()
    try {
      await client.query('begin')
      await first.inTransaction(client).append('a', counted(1))
      const other = second.append('b', counted(1))
      other.catch(() => {})
      // Longer than one request for the lock.
      await sleep(1_500)
      expect(await hasEnded(other)).toBe(false)
      await client.query(end)
      await other
    } finally {
      await client.end()
    }
    const events = end === 'commit' ? 2 : 1
    expect((await second.view(total).get('all'))?.state).toBe(events)
    await first.append('c', counted(1))
    expect((await second.view(total).get('all'))?.state).toBe(events + 1)
  },
)
