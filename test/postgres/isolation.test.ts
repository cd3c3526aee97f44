/** The store behaves the same for every default of the transactions of a database or a role. */
import { hasCode } from '@eventsourced/core'
import { type PostgresConnection, type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  collect,
  counted,
  identified,
  logOf,
  numbersOf,
  range,
  streamOf,
} from '../../src/conformance/events.ts'
import { allAtOnce, atOnce } from '../../src/conformance/expect.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const repeatableRead = "default_transaction_isolation = 'repeatable read'"
const serializable = 'default_transaction_isolation = serializable'
const deferrable = 'default_transaction_deferrable = on'
const readOnly = 'default_transaction_read_only = on'

/** Makes a connection of a driver, with the function that closes it. */
type Connect = (url: string) => { connection: PostgresConnection; close(): Promise<void> }

const byUrl: Connect = (url) => ({ connection: url, close: async () => {} })
const byPostgresJs: Connect = (url) => {
  const connection = postgres(url)
  return { connection, close: () => connection.end() }
}
const byUnpreparedPool: Connect = (url) => {
  const connection = new pg.Pool({ connectionString: url })
  return { connection, close: () => connection.end() }
}
const byOneClient: Connect = (url) => {
  const connection = new pg.Client(url)
  const connected = connection.connect()
  return { connection, close: () => connected.then(() => connection.end()) }
}

/** Whether the settings belong to the database or to the role. */
type Where = 'database' | 'role'

describe.each<[string, readonly string[], Connect, Where?]>([
  ['nothing set', [], byUrl],
  ['repeatable read', [repeatableRead], byUrl],
  ['serializable', [serializable], byPostgresJs],
  ['read only', [readOnly], byUnpreparedPool],
  ['serializable, deferrable and read only', [serializable, deferrable, readOnly], byUrl],
  ['repeatable read and read only, on one connection', [repeatableRead, readOnly], byOneClient],
  [
    'serializable, deferrable and read only, by role',
    [serializable, deferrable, readOnly],
    byUnpreparedPool,
    'role',
  ],
])('a database whose default is: %s', (_, settings, connect, where: Where = 'database') => {
  let database: FreshDatabase
  let ends: (() => Promise<void>)[]
  let role: string | undefined
  let store: PostgresStore
  let other: PostgresStore

  beforeAll(async () => {
    database = await freshDatabase()
    const url = new URL(database.url)
    const name = url.pathname.slice(1)
    role = where === 'role' ? `role_of_${name}` : undefined
    if (role !== undefined) {
      await database.query(`create role ${role} login password 'role'`)
      await database.query(`grant create on database ${name} to ${role}`)
      url.username = role
      url.password = 'role'
    }
    for (const setting of settings)
      await database.query(`alter ${role === undefined ? `database ${name}` : `role ${role}`} set ${setting}`)
    const connections = range(1, 2).map(() => connect(url.href))
    ends = connections.map(({ close }) => close)
    const stores = connections.map(({ connection }) => postgresStore(connection))
    ;[store, other] = stores as [PostgresStore, PostgresStore]
    // Both stores create the tables at the same time.
    const statuses = await Promise.all(stores.map((store) => store.schema.create()))
    for (const status of statuses) expect(status).toMatchObject({ upToDate: true })
  })

  afterAll(async () => {
    await Promise.all([store.close(), other.close()])
    for (const end of ends) await end()
    if (role !== undefined) await database.query(`drop owned by ${role}; drop role ${role}`)
    await database.drop()
  })

  const either = (index: number) => (index % 2 === 0 ? store : other)

  it('lets one of 32 callers win each of 12 streams, and the others get a conflict', async () => {
    for (const round of range(1, 12)) {
      const expectedVersion = round % 3 === 0 ? 'noStream' : 0
      const { results, errors } = await atOnce(32, (index) =>
        either(index).append(`race-${round}`, counted(1, index), { expectedVersion }),
      )
      expect(results).toHaveLength(1)
      for (const error of errors) expect(hasCode(error, 'wrong-expected-version') && error.actual).toBe(1)
    }
    // A second step of the same race, on streams that exist.
    for (const round of range(1, 4)) {
      const { results } = await atOnce(32, (index) =>
        either(index).append(`race-${round}`, counted(1, index), { expectedVersion: 1 }),
      )
      expect(results).toHaveLength(1)
      expect(await streamOf(store, `race-${round}`)).toHaveLength(2)
    }
  })

  it('lets 32 callers append to one stream one after the other', async () => {
    const results = await allAtOnce(32, (index) => either(index).append('queue', counted(1, index)))
    expect(results.map(({ version }) => version).sort((a, b) => a - b)).toEqual(range(1, 32))
    const events = await streamOf(other, 'queue')
    expect(events.map(({ version }) => version)).toEqual(range(1, 32))
  })

  it('appends to several streams all or nothing, for any order of the streams', async () => {
    const names = ['left', 'middle', 'right']
    const { results, errors } = await atOnce(32, (index) => {
      const order = index % 3 === 0 ? names : names.toReversed()
      const appends = order.map((streamId) => ({ streamId, events: counted(1), expectedVersion: index % 4 }))
      return either(index).appendAll(appends)
    })
    for (const error of errors) expect(hasCode(error, 'wrong-expected-version')).toBe(true)
    expect(results.length).toBeGreaterThan(0)
    for (const name of names) expect(await streamOf(store, name)).toHaveLength(results.length)
  })

  it('recognizes repeated calls, also concurrent ones', async () => {
    for (const round of range(1, 6)) {
      const events = identified(3)
      const results = await allAtOnce(8, (index) => either(index).append(`repeat-${round}`, events))
      expect(results.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1)
      expect(new Set(results.map(({ positions }) => String(positions))).size).toBe(1)
      expect(await streamOf(store, `repeat-${round}`)).toHaveLength(3)
    }
  })

  it('follows the log while writers append, and reads it again, without a gap', async () => {
    const head = (await store.frontier()).position
    const following = collect(other.readAll({ follow: true, after: head, limit: 240 }))
    await allAtOnce(12, async (writer) => {
      for (const number of range(1, 10))
        await either(writer).append(`followed-${writer % 3}`, counted(2, number))
    })
    const followed = await following
    expect(followed).toEqual(await logOf(store, { after: head }))
    for (const stream of range(0, 2)) {
      const versions = followed
        .filter(({ streamId }) => streamId === `followed-${stream}`)
        .map(({ version }) => version)
      expect(versions).toEqual(range(1, 80))
    }
  })

  it('creates, lists and imports streams', async () => {
    await store.createStream('made', { metadata: { by: 'hand' } })
    await expect(other.createStream('made')).rejects.toMatchObject({ code: 'stream-already-exists' })
    const source = identified(20).map((event, index) => ({ ...event, streamId: `imported-${index % 2}` }))
    expect(await store.import(source, { batchSize: 7 })).toMatchObject({ imported: 20 })
    expect(await other.import(source)).toMatchObject({ imported: 0, skipped: 20 })
    expect(numbersOf(await streamOf(other, 'imported-1'))).toEqual(
      range(1, 20).filter((number) => number % 2 === 0),
    )
    expect(await collect(store.listStreams({ prefix: 'imported-' }))).toMatchObject([
      { version: 10 },
      { version: 10 },
    ])
  })
})
