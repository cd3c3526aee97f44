/** Health on Postgres when things break: a silent server, a crashed one, an append that stays open, a killed worker. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projection } from '@eventsourced/core'
import { type Health, type HealthOptions, health, healthz } from '@eventsourced/core/health'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterEach, describe, expect, inject, it, onTestFinished, vi } from 'vitest'
import { type Counted, counted } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { createApplicationRole } from '../application-role.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'
import { startOwnServer } from './own-server.ts'
import { startProgram } from './programs.ts'

const opened: PostgresStore[] = []
const sums = projection<{ sum: number }, Counted>({
  name: 'sums',
  key: ({ streamId }) => streamId,
  initialState: () => ({ sum: 0 }),
  evolve: ({ sum }, { data }) => ({ sum: sum + data.number }),
})
const fresh = { maxAge: 0 }

afterEach(() => Promise.all(opened.splice(0).map((store) => store.close())))

function open(url: string, options: Parameters<typeof postgresStore>[1] = {}): PostgresStore {
  const store = postgresStore(url, { onWarning: () => {}, ...options })
  opened.push(store)
  return store
}

async function database(): Promise<FreshDatabase> {
  const made = await freshDatabase()
  onTestFinished(() => made.drop())
  return made
}

async function until(
  store: PostgresStore,
  isReached: (answer: Health) => boolean,
  options?: HealthOptions,
): Promise<Health> {
  const deadline = performance.now() + 20_000
  for (;;) {
    const answer = await health(store, { ...fresh, ...options })
    if (isReached(answer)) return answer
    if (performance.now() > deadline) throw new Error(`Not reached: ${JSON.stringify(answer)}`)
    await sleep(20)
  }
}

describe('a server', { timeout: 60_000 }, () => {
  it('that accepts connections and stays silent fails within the timeout, and is ok when it works again', async () => {
    const server = await startOwnServer([])
    onTestFinished(() => server.remove())
    const store = open(server.url)
    await store.append('a', counted(1))
    expect((await health(store, fresh)).status).toBe('ok')

    const folder = (await settingOf(server.url, 'data_directory')) as string
    const [pid] = readFileSync(join(folder, 'postmaster.pid'), 'utf8').split('\n')
    const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
    const processes = [Number(pid), ...children.trim().split(/\s+/).map(Number)]
    const signal = (name: NodeJS.Signals) => {
      for (const one of processes) process.kill(one, name)
    }
    signal('SIGSTOP')
    try {
      for (let look = 0; look < 4; look++) {
        const start = performance.now()
        const { status, checks } = await health(store, { ...fresh, timeout: 200 })
        expect(performance.now() - start).toBeLessThan(1_500)
        expect(status).toBe('failed')
        expect(checks).toMatchObject([{ name: 'database', reason: expect.stringContaining('200 ms') }])
      }
    } finally {
      signal('SIGCONT')
    }
    await until(store, ({ status }) => status === 'ok')
  })

  it('that has crashed fails, and the answer of the probe names no host', async () => {
    const server = await startOwnServer([])
    onTestFinished(() => server.remove())
    const store = open(server.url, { retries: 0 })
    await store.append('a', counted(1))
    await server.crash()
    const { checks } = await until(store, ({ status }) => status === 'failed')
    expect(checks).toMatchObject([
      { name: 'database', reason: expect.stringMatching(/^the database answered with an error: /) },
    ])
    const response = await healthz(store, fresh)()
    expect(response.status).toBe(503)
    expect(await response.text()).not.toContain('127.0.0.1')
    const detailed = await (await healthz(store, { ...fresh, detail: true })()).text()
    expect(detailed).toContain('ECONNREFUSED')
    await server.start()
    await until(store, ({ status }) => status === 'ok')
  })
})

describe('the cost', () => {
  it('is one statement for the log, and a few for each subscription', async () => {
    const { url } = await database()
    const pool = new pg.Pool({ connectionString: url })
    onTestFinished(() => pool.end())
    const store = postgresStore(pool, { onWarning: () => {} })
    opened.push(store)
    await store.append('a', counted(1))
    for (const name of ['a', 'b']) await store.runOnce({ name, handle: () => {} })
    const query = vi.spyOn(pg.Client.prototype, 'query')
    onTestFinished(() => query.mockRestore())
    const costOf = async (options: HealthOptions) => {
      await health(store, { ...fresh, ...options })
      const sent = query.mock.calls.length
      await health(store, { ...fresh, ...options })
      return query.mock.calls.length - sent
    }
    expect(await costOf({ subscriptions: [] })).toBe(1)
    const named = [await costOf({ subscriptions: ['a'] }), await costOf({ subscriptions: ['a', 'b'] })]
    expect({ named, all: await costOf({}) }).toEqual({ named: [6, 11], all: 8 })
  })
})

describe('a table that another session has locked', () => {
  it('degrades the health, and the probes do not use up the connections', async () => {
    const { url, query, session } = await database()
    const store = open(url)
    await store.runOnce({ name: 'report', handle: () => {} })
    const locker = await session('locker')
    await locker.query('begin; lock table eventsourced.subscriptions in access exclusive mode')
    for (let look = 0; look < 4; look++) {
      const { status } = await health(store, { ...fresh, timeout: 300, subscriptions: ['report'] })
      expect(status).toBe('degraded')
      await health(store, { ...fresh, timeout: 300 })
      await health(store, { ...fresh, timeout: 300, subscriptions: ['other'] })
    }
    const waiting = await query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    expect(waiting.length).toBe(2)
    await locker.query('rollback')
    const scheduled = { subscriptions: [{ name: 'report', scheduled: true }] }
    await until(store, ({ status }) => status === 'ok', scheduled)
  })
})

describe('a rebuild', () => {
  it('does not fail the health of its projection while the worker runs', async () => {
    const { url } = await database()
    const store = open(url)
    const appends = Array.from({ length: 50 }, (_, index) => ({ streamId: `s${index}`, events: counted(40) }))
    await store.appendAll(appends)
    const subscription = store.subscribe({ projection: sums })
    await subscription.caughtUp()
    let isRunning = true
    const rebuilt = store.rebuild(sums).finally(() => {
      isRunning = false
    })
    const seen = new Set<string>()
    while (isRunning) {
      const answer = await health(store, fresh)
      seen.add(answer.status)
    }
    await rebuilt
    expect([...seen]).not.toContain('failed')
    await until(store, ({ status }) => status === 'ok')
    await subscription.stop()
  })
})

describe('the lag of a subscription', () => {
  it('is measured by the clock of the server, so that a process whose clock is ahead reports no lag', async () => {
    const { url } = await database()
    const store = open(url)
    await store.runOnce({ name: 'report', handle: () => {} })
    const ahead = Date.now() + 600_000
    const now = vi.spyOn(Date, 'now').mockImplementation(() => ahead)
    onTestFinished(() => now.mockRestore())
    await store.append('a', counted(1))
    const answer = await health(store, { ...fresh, subscriptions: [{ name: 'report', scheduled: true }] })
    expect(answer).toMatchObject({ status: 'ok', checks: [{}, {}, {}, { lag: 1 }] })
  })
})

describe('an append that stays open', () => {
  it('degrades the frontier after its limit, with its session, and no longer when it ends', async () => {
    const { url, session } = await database()
    const store = open(url)
    const { position } = await store.append('a', counted(1))
    const writer = await session('slow import')
    await writer.query('begin')
    await store.inTransaction(writer).append('b', counted(1))
    const { checks } = await until(store, ({ status }) => status === 'degraded', { maxFrontierAge: 100 })
    expect(checks[1]).toMatchObject({
      ...{ name: 'frontier', status: 'degraded', position, head: position + 1 },
      reason: expect.stringContaining(`wait at position ${position}: end its transaction or its process`),
      writers: [{ applicationName: 'slow import', state: 'idle in transaction' }],
    })
    expect((await health(store, { ...fresh, maxFrontierAge: 60_000 })).status).toBe('ok')
    await writer.query('rollback')
    expect((await health(store, { ...fresh, maxFrontierAge: 100 })).checks[1]).toMatchObject({
      ...{ status: 'ok', heldFor: 0, writers: [] },
    })
  })

  it('of another role is noticed by a role that may not see its session', async () => {
    const { url, session, drop } = await freshDatabase()
    const role = await createApplicationRole(url)
    onTestFinished(async () => {
      await Promise.all(opened.splice(0).map((store) => store.close()))
      await drop()
      await role.drop(inject('servers').postgres)
    })
    await role.createTables('eventsourced')
    const store = open(role.url)
    const writer = await session('owner', role.ownerUrl)
    await writer.query('begin')
    await store.inTransaction(writer).append('b', counted(1))
    const { checks } = await until(store, ({ status }) => status === 'degraded', { maxFrontierAge: 100 })
    expect(checks[1]).toMatchObject({ name: 'frontier', status: 'degraded', position: 0 })

    // A session of its own role, which has just begun, does not hide the older one.
    const own = await session('own', role.url)
    await own.query('begin')
    await store.inTransaction(own).append('c', counted(1))
    const both = (await health(store, { ...fresh, maxFrontierAge: 100 })).checks[1]
    expect(both).toMatchObject({ status: 'degraded', writers: [{}, {}] })
    await own.query('rollback')

    await writer.query('rollback')
    expect((await health(store, { ...fresh, maxFrontierAge: 100 })).checks[1]).toMatchObject({ status: 'ok' })
  })
})

describe('a worker of another process', { timeout: 30_000 }, () => {
  it('that is killed is missed when its lease has expired', async () => {
    const { url } = await database()
    const store = open(url)
    const options = { subscriptions: ['mailer'] }
    const worker = startProgram('subscriber', url, 'mailer', '2', '1000')
    await until(store, ({ status }) => status === 'ok', options)
    await worker.kill()
    const { checks } = await until(store, ({ status }) => status === 'failed', options)
    expect(checks[3]).toMatchObject({
      ...{ subscription: 'mailer', unowned: 2, reason: 'no worker runs it: start one' },
    })
  })
})

async function settingOf(url: string, name: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query('select current_setting($1) as value', [name])
  await client.end()
  return rows[0].value
}
