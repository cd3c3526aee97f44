/**
 * Changes of the schema and the switch at the end of a rebuild, while a user's transaction holds an append open. A lock
 * request that waits for that transaction stands in front of all later appends, so it must not wait without a bound.
 */
import { projection } from '@eventsourced/core'
import { type PostgresStore, type PostgresStoreOptions, postgresStore } from '@eventsourced/core/postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { counted } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { type FreshDatabase, freshDatabase } from '../postgres/fresh-database.ts'

// One lock request waits at most one second.
const appendsMilliseconds = 2500

let database: FreshDatabase
let store: PostgresStore
let opened: PostgresStore[]

function open(options?: PostgresStoreOptions): PostgresStore {
  const store = postgresStore(database.url, options)
  opened.push(store)
  return store
}

beforeEach(async () => {
  database = await freshDatabase()
  opened = []
  store = open()
  await store.append('a', counted(1))
})

afterEach(async () => {
  await Promise.all(opened.map((store) => store.close()))
  await database.drop()
})

/** Opens a transaction that has appended, as `of` does. Returns how to commit it. */
async function openAppend(of: PostgresStore): Promise<() => Promise<unknown>> {
  const session = await database.session()
  await session.query('begin')
  await of.inTransaction(session).append('held', counted(1))
  return () => session.query('commit')
}

/**
 * Appends to other streams for longer than one lock request may wait, but not until the last retry of the change.
 * Fails if an append is not made within seconds. Returns the number of appends.
 */
async function expectAppends(of: PostgresStore): Promise<number> {
  const end = performance.now() + appendsMilliseconds
  for (let number = 1; ; number++) {
    const append = of.append(`other ${number}`, counted(1))
    await expect(Promise.race([append, sleep(10_000).then(() => 'waits')])).resolves.toMatchObject({
      version: 1,
    })
    if (performance.now() > end) return number
    await sleep(80)
  }
}

const pretendOldFunctions = `update eventsourced.migrations set checksum = 'abc' where number = 0`

async function hasTrigger(): Promise<boolean> {
  const rows = await database.query(
    `select from pg_trigger where tgrelid = 'eventsourced.events'::regclass and tgname = 'protect_events'`,
  )
  return rows.length > 0
}

describe('while a transaction of a user holds an append open', () => {
  it('an update of the functions does not wait for it', async () => {
    const commit = await openAppend(store)
    await database.query(pretendOldFunctions)
    const updated = open().schema.create()
    await expectAppends(store)
    expect(await Promise.race([updated, sleep(5_000)])).toMatchObject({ upToDate: true })
    await commit()
    expect(await hasTrigger()).toBe(true)
  })

  it.each([
    ['creates the trigger', 'drop trigger protect_events on eventsourced.events;', true],
    ['replaces the trigger', 'alter table eventsourced.events disable trigger protect_events;', true],
    ['drops the trigger', '', false],
  ])('an update that %s lets other appends pass', async (_, before, protectEvents) => {
    await database.query(before + pretendOldFunctions)
    const commit = await openAppend(store)
    const updated = open({ protectEvents, retries: 99 }).schema.create()
    await expectAppends(store)
    await commit()
    expect(await updated).toMatchObject({ upToDate: true })
    expect(await hasTrigger()).toBe(protectEvents)
    if (protectEvents) {
      await expect(database.query('delete from eventsourced.events')).rejects.toMatchObject({ code: 'ES004' })
    }
  })

  it('an update that never gets its lock fails, with the reason', async () => {
    await database.query(`drop trigger protect_events on eventsourced.events; ${pretendOldFunctions}`)
    const commit = await openAppend(store)
    const refusal = await open({ retries: 1 })
      .schema.create()
      .catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'store-unavailable', retries: 1, cause: { code: '55P03' } })
    await commit()
  })

  it('the switch at the end of a rebuild lets other appends pass', async () => {
    const total = projection({
      name: 'total',
      events: ['Counted'],
      // Each stream has its own document: the open append keeps the document of its stream locked.
      key: ({ streamId }) => streamId,
      initialState: () => ({ events: 0 }),
      evolve: ({ events }) => ({ events: events + 1 }),
    })
    const inline = open({ inline: [total] })
    await inline.rebuild(total)
    const commit = await openAppend(inline)
    const rebuilt = inline.rebuild(total)
    rebuilt.catch(() => {})
    const appends = await expectAppends(inline)
    await commit()
    await rebuilt
    for (const key of ['held', 'a', 'other 1', `other ${appends}`]) {
      expect(await inline.view(total).get(key), key).toMatchObject({ state: { events: 1 } })
    }
  })

  it('a rebuild that makes a projection inline fails after a time, and lets other appends pass', async () => {
    const total = projection({
      name: 'total',
      key: () => 'all',
      initialState: () => 0,
      evolve: (sum: number) => sum + 1,
    })
    const commit = await openAppend(store)
    const rebuilt = open().rebuild(total, { mode: 'inline' })
    rebuilt.catch(() => {})
    await expectAppends(store)
    await expect(rebuilt).rejects.toMatchObject({ code: 'log-not-settled' })
    await commit()
    await store.append('a', counted(1))
  })
})
