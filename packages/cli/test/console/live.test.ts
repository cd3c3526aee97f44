/** Server-Sent Events of the console: slow clients, clients that leave, and a database that is away. */
import { memoryStore } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import { Hono } from 'hono'
import pg from 'pg'
import { describe, expect, inject, it } from 'vitest'
import { createDatabase } from '../../../../test/database.ts'
import { stores } from '../../../../test/stores.ts'
import { console } from '../../src/console/console.ts'
import { sendFrames } from '../../src/console/frames.ts'
import { Sampler } from '../../src/console/sampler.ts'
import type { AnyStore } from '../../src/target/known.ts'
import { framesOf, pathOf, type ReceivedFrame } from './api.ts'

const never = new AbortController().signal
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** The store, and how many events its readers of the log have taken, and how many of them still read. */
function counted(store: AnyStore) {
  const counts = { events: 0, readers: 0, frontiers: 0 }
  async function* read(...options: Parameters<AnyStore['raw']['readAll']>) {
    counts.readers++
    try {
      for await (const event of store.raw.readAll(...options)) {
        counts.events++
        yield event
      }
    } finally {
      counts.readers--
    }
  }
  const frontier: AnyStore['frontier'] = (options) => {
    counts.frontiers++
    return store.frontier(options)
  }
  return { counts, store: { ...store, frontier, raw: { ...store.raw, readAll: read } } as AnyStore }
}

describe('the live log', () => {
  it('reads as fast as its client, and ends when the client leaves', async () => {
    const inMemory = memoryStore()
    const events = Array.from({ length: 500 }, () => ({ type: 'Large', data: 'x'.repeat(3_000) }))
    for (let times = 0; times < 4; times++) await inMemory.append('a', events)
    const { store, counts } = counted(inMemory)
    const app = console({ store })
    const response = await app.request(pathOf('/log/live', { after: 0 }))
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    await pause(300)
    expect(counts.events).toBeLessThan(10)
    for (let times = 0; times < 100; times++) await reader.read()
    await pause(300)
    expect(counts.events).toBeGreaterThan(90)
    expect(counts.events).toBeLessThan(120)
    expect(counts.readers).toBe(1)
    await reader.cancel()
    await expect.poll(() => counts.readers).toBe(0)
    await app.close()
  })

  it('ends with the console, also while no event comes', async () => {
    const { store, counts } = counted(memoryStore())
    const app = console({ store })
    const received = framesOf(await app.request(pathOf('/log/live')), () => false)
    await expect.poll(() => counts.readers).toBe(1)
    await app.close()
    expect((await received).filter(({ event }) => event !== undefined)).toEqual([])
    await expect.poll(() => counts.readers).toBe(0)
  })

  it('continues at the end of a log that ends before the last event of the client', async () => {
    const store = memoryStore()
    const app = console({ store })
    const headers = { 'Last-Event-ID': '1000' }
    const isEnough = (frames: readonly ReceivedFrame[]) => frames.some(({ event }) => event === 'event')
    const received = framesOf(await app.request(pathOf('/log/live'), { headers }), isEnough)
    await pause(1_500)
    await store.append('a', [{ type: 'New', data: 1 }])
    expect((await received).flatMap(({ event }) => event ?? [])).toEqual(['away', 'event'])
    await app.close()
  })
})

describe('frames', () => {
  it('sends heartbeats that a page can hear while no frame comes', async () => {
    const context = { closing: never, onError: () => {} }
    const app = new Hono().get('/', (c) =>
      sendFrames(
        c,
        context,
        async function* () {
          await pause(70)
          yield { event: 'late', data: '1', id: '7' }
        },
        20,
      ),
    )
    const frames = await framesOf(await app.request('/'), () => false)
    expect(frames.filter(({ event }) => event === 'alive').length).toBeGreaterThanOrEqual(2)
    expect(frames.at(-1)).toEqual({ event: 'late', data: 1, id: '7' })
  })
})

describe('the sampler', () => {
  const times = { interval: 20, idle: 100, kept: 1_000, timeout: 500 }

  /** Reads samples until the client has as many as it wants. */
  async function take(sampler: Sampler, count: number, after = 0) {
    const left = new AbortController()
    const samples: number[] = []
    for await (const measured of sampler.follow(after, left.signal)) {
      if (measured.kind === 'sample') samples.push(measured.id)
      if (samples.length === count) break
    }
    return samples
  }

  it('measures once for all clients, and stops some time after the last one', async () => {
    const { store, counts } = counted(memoryStore())
    const sampler = new Sampler({ store, metrics: undefined, closing: never }, times)
    expect(sampler.isRunning).toBe(false)
    const all = await Promise.all([1, 2, 3, 4, 5].map(() => take(sampler, 5)))
    for (const samples of all) expect(samples).toEqual(all[0])
    expect(counts.frontiers).toBeLessThanOrEqual(7)
    await expect.poll(() => sampler.isRunning).toBe(false)
    const { frontiers } = counts
    await pause(100)
    expect(counts.frontiers).toBe(frontiers)
    // A client that comes later gets what was kept, at once; one that resumes gets the rest.
    const [first, second, third] = all[0] ?? []
    expect(await take(sampler, 3)).toEqual([first, second, third])
    expect((await take(sampler, 2, second))[0]).toBe(third)
  })

  it('keeps samples for a limited time', async () => {
    const { store } = counted(memoryStore())
    const sampler = new Sampler({ store, metrics: undefined, closing: never }, { ...times, kept: 100 })
    const samples = await take(sampler, 15)
    const [oldest = 0] = await take(sampler, 1)
    expect(oldest).toBeGreaterThan(samples[2] ?? Number.NaN)
  })

  it('takes the differences of what the appending processes measure', async () => {
    let [counts, isAway] = [{ appends: 0, conflicts: 0, commits: 0, commitMilliseconds: 0 }, false]
    const metrics = {
      async read() {
        if (isAway) throw new Error('no process answers')
        const { appends, conflicts, commits, commitMilliseconds } = counts
        counts = {
          appends: appends + 3,
          conflicts: conflicts + 1,
          commits: commits + 2,
          commitMilliseconds: commitMilliseconds + 10,
        }
        return counts
      },
    }
    const sampler = new Sampler({ store: memoryStore(), metrics, closing: never }, times)
    const found: unknown[] = []
    for await (const measured of sampler.follow(0, never)) {
      if (measured.kind === 'sample') found.push(measured.sample.appends)
      isAway = found.length >= 3
      if (found.length === 5) break
    }
    // The first sample has nothing before it, and the last ones have no answer.
    expect([found[0], found[1], found[4]]).toEqual([
      undefined,
      { count: 3, conflicts: 1, commits: 2, commitTime: 5 },
      undefined,
    ])
  })
})

describe.runIf(stores.some(({ name }) => name === 'pg'))('while Postgres is away', () => {
  it('says so without naming the host, and goes on when Postgres is back', async () => {
    const server = inject('servers').postgres as string
    const { url, drop } = await createDatabase(server)
    const admin = new pg.Client({ connectionString: server })
    await admin.connect()
    const database = new URL(url).pathname.slice(1)
    const store = postgresStore(url, { maxConnections: 4, timeout: 2_000 })
    const app = console({ store })
    const ended = (event: string, count: number) => (frames: readonly ReceivedFrame[]) =>
      frames.some((frame) => frame.event === 'away') &&
      frames.filter((frame) => frame.event === event).length >= count
    try {
      const { position } = await store.append('a', [{ type: 'Before', data: 1 }])
      const log = framesOf(await app.request(pathOf('/log/live', { after: 0 })), ended('event', 2), 30_000)
      const samples = framesOf(await app.request(pathOf('/samples')), ended('sample', 3), 30_000)
      await pause(1_500)
      await admin.query(`alter database ${database} allow_connections false`)
      await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [
        database,
      ])
      await pause(5_000)
      await admin.query(`alter database ${database} allow_connections true`)
      await pause(1_000)
      await store.append('a', [{ type: 'After', data: 2 }])
      const events = await log
      const told = events.flatMap(({ event, data }) => (event === 'event' ? data.type : event) ?? [])
      // While Postgres starts to take connections, one may succeed and the next one fail.
      expect(told.join(' ')).toMatch(/^Before away( back away)*( back)? After$/)
      expect(events.find(({ event }) => event === 'event')?.id).toBe(String(position))
      const measured = (await samples).flatMap(({ event }) => event ?? [])
      expect(measured.at(-1)).toBe('sample')
      expect(measured.filter((event) => event === 'away').length).toBeGreaterThanOrEqual(1)
      const text = JSON.stringify([events, await samples])
      for (const secret of ['127.0.0.1', 'localhost', database, 'password'])
        expect(text).not.toContain(secret)
    } finally {
      await app.close()
      await store.close()
      await admin.end()
      await drop()
    }
  }, 60_000)
})
