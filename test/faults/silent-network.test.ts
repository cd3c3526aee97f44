/**
 * A network that swallows packets: the connections stay open, and no answer comes. Without a deadline, a call on such a
 * connection waits without an end, and a subscription says `live` while it handles nothing.
 */
import {
  type PostgresConnection,
  type PostgresStore,
  type PostgresStoreOptions,
  postgresStore,
} from '@eventsourced/core/postgres'
import pg from 'pg'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { counted, range } from '../../src/conformance/events.ts'
import { latch } from '../../src/conformance/expect.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { CuttingPostgresProxy } from '../cutting-proxy.ts'
import { type FreshDatabase, freshDatabase } from '../postgres/fresh-database.ts'
import { startProgram } from '../postgres/programs.ts'

const timeout = 1_000

let database: FreshDatabase
let observer: PostgresStore
let proxy: CuttingPostgresProxy
let ends: (() => Promise<unknown>)[]

beforeAll(async () => {
  database = await freshDatabase()
  observer = postgresStore(database.url)
  await observer.schema.create()
})

afterAll(async () => {
  await observer.close()
  await database.drop()
})

beforeEach(async () => {
  proxy = await CuttingPostgresProxy.start(database.url)
  ends = []
})

afterEach(async () => {
  proxy.swallowConnections(false)
  for (const end of ends) await end()
  await proxy.stop()
})

const kinds: [string, () => PostgresConnection][] = [
  ['a URL', () => proxy.url],
  [
    'a pool of the user',
    () => {
      const pool = new pg.Pool({ connectionString: proxy.url, max: 2 })
      pool.on('error', () => {})
      ends.push(() => pool.end())
      return pool
    },
  ],
  [
    'postgres.js',
    () => {
      const sql = postgres(proxy.url, { max: 2, fetch_types: false, connect_timeout: 1 })
      ends.push(() => sql.end({ timeout: 0 }))
      return sql
    },
  ],
]

function open(connection: PostgresConnection, options: PostgresStoreOptions = {}): PostgresStore {
  const store = postgresStore(connection, { timeout, ...options })
  ends.unshift(() => store.close())
  return store
}

let streams = 0
const newStream = () => `stream-${++streams}`

describe.each(kinds)('on a network that goes silent, a store on %s', (_, connect) => {
  it.each(['all', 'answers'] as const)('appends once (swallowed: %s)', async (swallowed) => {
    const store = open(connect())
    for (const round of range(1, 2)) {
      const stream = newStream()
      await Promise.all(range(1, 4).map((number) => store.append(`${stream}-${number}`, counted(1))))
      proxy.silence(swallowed)
      const made = await Promise.all(
        range(1, 4).map((number) => store.append(`${stream}-${number}`, counted(1), { expectedVersion: 1 })),
      )
      expect(
        made.map(({ version }) => version),
        `round ${round}`,
      ).toEqual([2, 2, 2, 2])
      expect((await observer.readStream(`${stream}-1`)).version).toBe(2)
    }
  })

  it('waits on while the server works', async () => {
    const store = open(connect())
    const stream = newStream()
    await database.query(`
      create or replace function linger() returns trigger language plpgsql as $$
      begin perform pg_sleep(${(3.5 * timeout) / 1000}); return new; end $$;
      create trigger linger before insert on eventsourced.streams for each row when (new.stream_id = '${stream}')
        execute function linger()`)
    const append = store.append(stream, counted(1))
    await sleep(3 * timeout)
    const working = await database.query(
      `select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`,
    )
    // One server process works: the call was neither given up nor repeated.
    expect(working).toHaveLength(1)
    expect(await append).toMatchObject({ version: 1, deduplicated: false })
    await database.query('drop trigger linger on eventsourced.streams')
  })

  it('ends a read, and the first call of a store, that wait for a locked table', async () => {
    const store = open(connect())
    const stream = newStream()
    await store.append(stream, counted(1))
    const holder = await database.session()
    await holder.query('begin; lock table eventsourced.events, eventsourced.streams in access exclusive mode')
    const first = open(connect())
    const errors = [
      await store.readStream(stream).catch((error: unknown) => error),
      await first.append(stream, counted(1)).catch((error: unknown) => error),
    ]
    const seen: number[] = []
    const subscription = store.subscribe({
      name: `of ${stream}`,
      streamPrefix: stream,
      handle: ({ version }) => void seen.push(version),
    })
    await sleep(1.5 * timeout)
    await holder.query('rollback')
    const timedOut = expect.objectContaining({ code: 'lock-timeout', timeout })
    expect(errors).toEqual([timedOut, timedOut])
    expect(await store.append(stream, counted(1))).toMatchObject({ version: 2 })
    // The subscription has waited too, and goes on.
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual([1, 2])
    await subscription.stop()
  })

  it('continues a transactional subscription, whose transaction held locks', async () => {
    const store = open(connect())
    const stream = newStream()
    const [started, go] = [latch(), latch()]
    const seen: number[] = []
    const states: string[] = []
    await store.append(stream, counted(2))
    const subscription = store.subscribe({
      name: `of ${stream}`,
      streamPrefix: stream,
      transactional: true,
      leaseTime: 3_000,
      onStateChange: (state) => void states.push(state),
      async handle({ version }, { tx }) {
        await tx.query('select 1')
        if (version === 1 && !seen.includes(1)) {
          seen.push(1)
          started.release()
          await go.released
        } else seen.push(version)
        await tx.query('select 1')
      },
    })
    await started.released
    proxy.silence('all')
    go.release()
    await subscription.caughtUp({ timeout: 40_000 })
    expect(seen.at(-1)).toBe(2)
    expect(states).toContain('retrying')
    await subscription.stop()
  }, 60_000)

  // The connection that never opens must not keep its place in the pool.
  it('connects again after a time in which new connections got no answer', async () => {
    const store = open(connect())
    const stream = newStream()
    await store.append(stream, counted(1))
    proxy.swallowConnections(true)
    proxy.cutAll()
    const appends = range(1, 4).map((number) => store.append(`${stream}-${number}`, counted(1)))
    await sleep(1.5 * timeout)
    proxy.swallowConnections(false)
    expect((await Promise.all(appends)).map(({ version }) => version)).toEqual([1, 1, 1, 1])
  })

  it('closes in time, also while a call is under way and no new connection answers', async () => {
    const store = open(connect())
    await store.append(newStream(), counted(1))
    proxy.swallowConnections(true)
    proxy.silence('all')
    const append = store.append(newStream(), counted(1)).catch((error: unknown) => error)
    const startedAt = performance.now()
    await store.close()
    expect(performance.now() - startedAt).toBeLessThan(10 * timeout)
    expect(await append).toMatchObject({ code: 'store-unavailable' })
  })
})

// The farewell on a silent connection gets no answer, so the connection never ends.
it('a process on a network that goes silent ends once its store is closed', async () => {
  const program = startProgram('closer', proxy.url, String(timeout))
  await program.said()
  proxy.silence('all')
  program.tell('close')
  const ended = await Promise.race([program.ended, sleep(20_000)])
  if (ended === undefined) await program.kill()
  expect(ended).toEqual({ exitCode: 0, complaints: '' })
})
