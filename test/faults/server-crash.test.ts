/** A server that crashes and recovers, and prepared transactions that outlive their connections. */
import type { RebuildProgress } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { collect, counted, identified, logOf, numbersOf, range } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { startLoad } from '../postgres/load.ts'
import { type OwnServer, startOwnServer } from '../postgres/own-server.ts'
import { totals } from '../postgres/programs/totals.ts'

let server: OwnServer
let store: PostgresStore
let schemas = 0

beforeAll(async () => {
  server = await startOwnServer([
    'max_prepared_transactions=5',
    // Data that no commit has flushed stays unflushed until the crash.
    'wal_writer_delay=10s',
    'wal_level=minimal',
    'max_wal_senders=0',
  ])
})

afterAll(() => server.remove())

beforeEach(() => {
  store = postgresStore(server.url, { schema: `case_${++schemas}`, retries: 99 })
})

afterEach(() => store.close())

async function crashAndStart(): Promise<void> {
  await server.crash()
  await sleep(100 * Math.random())
  await server.start()
}

async function session(): Promise<pg.Client> {
  const client = new pg.Client(server.url)
  client.on('error', () => {})
  await client.connect()
  return client
}

describe('a server that crashes', () => {
  it('under load: appends succeed after it is back, no event is repeated or lost, and a follower skips none', async () => {
    // The server must answer once first. The store does not retry at an address that never answered.
    await store.schema.create()
    const load = startLoad(store)
    for (const _ of range(1, 3)) {
      await sleep(150 + 150 * Math.random())
      await crashAndStart()
    }
    await sleep(150)
    await load.end()
  })

  it('may assign positions again that were never committed, and a follower does not miss events with these positions', async () => {
    await store.append('a', counted(1, 1))
    const following = collect(store.readAll({ follow: true, limit: 2 }))
    const client = await session()
    await client.query('begin')
    await store.inTransaction(client).append('undone', counted(500))
    await client.query('rollback')
    await client.end()
    const { position: settled } = await store.frontier()
    expect(settled).toBe(501)
    // Gives the follower time to read up to the frontier.
    await sleep(600)
    await crashAndStart()
    const { position } = await store.append('b', counted(1, 2))
    // Otherwise this test would prove nothing.
    expect(position).toBeLessThan(settled)
    expect(numbersOf(await following)).toEqual([1, 2])
    expect(numbersOf(await logOf(store))).toEqual([1, 2])
  })

  it('recognizes after the recovery an append that was acknowledged before', async () => {
    const events = identified(3)
    const first = await store.append('a', events, { expectedVersion: 'noStream' })
    await crashAndStart()
    expect(await store.append('a', events, { expectedVersion: 'noStream' })).toEqual({
      ...first,
      deduplicated: true,
    })
  })
})

describe('a projection that is built while the server crashes', () => {
  beforeEach(async () => {
    for (const stream of range(1, 20)) await store.append(`s${stream}`, counted(30))
    await store.runOnce({ projection: totals })
  })

  it('is rebuilt from its last checkpoint, with a lease that the restarted server grants', async () => {
    const batches: number[] = []
    const onProgress = async ({ position }: RebuildProgress) => {
      batches.push(position)
      // The next batch is already being read.
      if (batches.length <= 9 && batches.length % 3 === 0) await crashAndStart()
    }
    const { position } = await store.rebuild(totals, { batchSize: 50, onProgress })
    expect(position).toBe(600)
    expect(batches).toEqual(batches.toSorted((one, other) => one - other))
    const documents = await collect(store.view(totals).list())
    expect(documents.map(({ state }) => state)).toEqual(range(1, 20).map(() => ({ count: 30, sum: 465 })))
    expect(await store.verify(totals)).toMatchObject({ ok: true, documents: 20 })
  })

  it('is verified', async () => {
    let isOver = false
    const onProgress = async () => {
      if (!isOver) await crashAndStart()
      isOver = true
    }
    expect(await store.verify(totals, { onProgress })).toMatchObject({ ok: true, documents: 20 })
    expect(isOver).toBe(true)
  })
})

describe('a prepared transaction', () => {
  it.each(['commit', 'rollback'])(
    'holds the log back until its %s, although its connection is gone',
    async (end) => {
      await store.append('a', counted(1, 1))
      const name = `two_phases_${end}`
      const client = await session()
      await client.query('begin')
      await store.inTransaction(client).append('b', counted(1, 2))
      await client.query(`prepare transaction '${name}'`)
      await client.end()
      await store.append('a', counted(1, 3))
      expect(await store.frontier()).toMatchObject({ position: 1, head: 3 })
      expect(numbersOf(await logOf(store))).toEqual([1])

      // It outlives a crash of the server, too.
      await crashAndStart()
      expect(numbersOf(await logOf(store))).toEqual([1])
      expect((await store.frontier()).position).toBe(1)

      const other = await session()
      await other.query(`${end} prepared '${name}'`)
      await other.end()
      expect(numbersOf(await logOf(store))).toEqual(end === 'commit' ? [1, 2, 3] : [1, 3])
    },
  )
})
