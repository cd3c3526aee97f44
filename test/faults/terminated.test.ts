/** Connections that the server ends at any moment: calls still succeed, once, and no process crashes. */
import { StoreUnavailableError } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collect, counted, logOf, numbersOf, range, streamOf } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { connections } from '../postgres/connections.ts'
import { type FreshDatabase, freshDatabase } from '../postgres/fresh-database.ts'
import type { LoadReport } from '../postgres/programs/load.ts'
import { startProgram } from '../postgres/programs.ts'
import { rounds } from '../rounds.ts'

let database: FreshDatabase
let store: PostgresStore

beforeAll(async () => {
  database = await freshDatabase()
  store = postgresStore(database.url)
  await store.schema.create()
})

afterAll(async () => {
  await store.close()
  await database.drop()
})

/** Terminates the connections that match the condition. Returns their number. */
async function terminate(condition = 'true'): Promise<number> {
  const ended = await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name not in ('observer', 'holder') and (${condition})`,
  )
  return ended.length
}

/** Waits until a session waits for a lock, then terminates it. */
async function terminateWaiting(): Promise<void> {
  while ((await terminate(`wait_event_type = 'Lock'`)) === 0) await sleep(2)
}

/** Locks a stream from another session, like an append that has not committed yet. */
async function hold(streamId: string): Promise<pg.Client> {
  const holder = await database.session('holder')
  await holder.query('begin')
  await holder.query('select from eventsourced.streams where stream_id = $1 for update', [streamId])
  return holder
}

describe.each(connections)('a store on %s', (name, connect) => {
  let own: PostgresStore
  let end: () => Promise<unknown>

  beforeAll(() => {
    const connected = connect(database.url)
    end = connected.end
    // Each lost connection may cost several retries: postgres.js fails the next statement with the old connection's
    // error.
    own = postgresStore(connected.connection, { retries: 39 })
  })

  afterAll(async () => {
    await own.close()
    await end()
  })

  it('continues after its idle connections were ended', async () => {
    for (const round of range(1, 5)) {
      await Promise.all(range(1, 4).map((number) => own.append(`idle ${name} ${number}`, counted(1, round))))
      expect(await terminate()).toBeGreaterThan(0)
    }
    expect(numbersOf(await streamOf(own, `idle ${name} 1`))).toEqual(range(1, 5))
  })

  it('appends once, although its connection is ended while it waits for the stream', async () => {
    const streamId = `waiting ${name}`
    await own.append(streamId, counted(1))
    const holder = await hold(streamId)
    const append = own.append(streamId, counted(2, 2), { expectedVersion: 1 })
    await terminateWaiting()
    await terminateWaiting()
    await holder.query('commit')
    expect(await append).toMatchObject({ version: 3, deduplicated: false })
    expect(numbersOf(await streamOf(own, streamId))).toEqual([1, 2, 3])
  })

  it('follows the log without a gap, although the follower’s connections are ended repeatedly', async () => {
    const { head } = await store.frontier()
    const following = collect(own.readAll({ follow: true, after: head, limit: 60 }))
    for (const round of range(1, 30)) {
      await store.append(`followed ${name}`, counted(2, round))
      await terminate()
      await sleep(2)
    }
    expect(await following).toEqual(await logOf(store, { after: head }))
  })
})

describe("the caller's own transaction whose connection is ended", () => {
  it('fails with a typed error, leaves nothing behind, and no longer holds readers back', async () => {
    const client = await database.session('doomed')
    await client.query('begin')
    const inside = store.inTransaction(client)
    await inside.append('doomed', counted(2))
    const { position: before, head } = await store.frontier()
    expect(before).toBeLessThan(head)

    await terminate(`application_name = 'doomed'`)
    await expect(inside.append('doomed', counted(1))).rejects.toThrow(StoreUnavailableError)
    await expect(inside.readStream('doomed')).rejects.toThrow(StoreUnavailableError)
    expect(await store.streamInfo('doomed')).toBeUndefined()
    expect(await store.frontier()).toMatchObject({ position: head, writers: [] })
  })

  it('fails with a typed error also while it waits', async () => {
    await store.append('held', counted(1))
    const holder = await hold('held')
    const client = await database.session()
    await client.query('begin')
    const append = store.inTransaction(client).append('held', counted(1))
    const refusal = expect(append).rejects.toThrow(StoreUnavailableError)
    await terminateWaiting()
    await refusal
    await holder.query('commit')
    expect(await streamOf(store, 'held')).toHaveLength(1)
  })
})

it('a store on one client of pg, which cannot connect again, says that it is unavailable', async () => {
  const client = new pg.Client(database.url)
  await client.connect()
  const own = postgresStore(client, { retries: 2 })
  await own.append('lone', counted(1))
  await terminate()
  await expect(own.append('lone', counted(1))).rejects.toThrow(StoreUnavailableError)
  await own.close()
  expect(await streamOf(store, 'lone')).toHaveLength(1)
})

// A lost connection fails a whole group of appends, and the store pauses before it reconnects.
describe.each([
  ['pg', 60 * rounds],
  ['postgres.js', 40 * rounds],
])('a process that appends, follows and listens with %s', (driver, times) => {
  const timeout = 120_000 * rounds
  it(`survives ${times} lost connections, and every append is recorded once`, {
    timeout,
  }, async () => {
    const own = await freshDatabase()
    const program = startProgram('load', driver, own.url)
    await program.said()
    const endAll = `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name <> 'observer'`
    for (let ended = 0; ended < times && program.isRunning; ) {
      // The pause is sometimes too short for any call to succeed, and sometimes long enough for several.
      await sleep(Math.random() * 40)
      ended += (await own.query(endAll)).length
    }
    if (program.isRunning) program.tell('enough')
    const { acknowledged, followed } = await program.said<LoadReport>()
    expect(await program.ended).toEqual({ exitCode: 0, complaints: '' })

    const observer = postgresStore(own.url)
    const log = (await logOf(observer)).map(({ streamId, version, position }) => [
      streamId,
      version,
      position,
    ])
    await observer.close()
    await own.drop()
    // Every append was acknowledged, so the log must hold exactly these events.
    expect(log).toEqual(acknowledged.toSorted(([, , one], [, , other]) => one - other))
    expect(followed).toEqual(log)
    expect(log.length).toBeGreaterThan(20)
  })
})
