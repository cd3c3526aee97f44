/** Runs the examples in real processes on a real Postgres: they are killed under load, restarted and shut down. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { EventsourcedHealthIndicator, EventsourcedModule } from '@eventsourced/nestjs'
import { Test } from '@nestjs/testing'
import { afterEach, beforeEach, expect, inject, it, vi } from 'vitest'
import { type Program, startProgram } from '../../../test/child-program.ts'
import { CuttingPostgresProxy } from '../../../test/cutting-proxy.ts'
import { createDatabase, type TestDatabase } from '../../../test/database.ts'
import { freePort } from '../../../test/free-port.ts'

interface Server {
  readonly program: Program
  readonly url: string
}

let database: TestDatabase
let store: PostgresStore
let servers: Server[] = []

beforeEach(async () => {
  database = await createDatabase(inject('servers').postgres)
  store = postgresStore(database.url)
  vi.stubEnv('DATABASE_URL', database.url)
  // tsx reads there that the decorators are those of NestJS.
  vi.stubEnv('TSX_TSCONFIG_PATH', fileURLToPath(new URL('../tsconfig.json', import.meta.url)))
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await Promise.all(servers.map(({ program }) => program.kill()))
  servers = []
  await store.close()
  await database.drop()
})

async function startServer(main: string): Promise<Server> {
  const port = await freePort()
  vi.stubEnv('PORT', String(port))
  const program = startProgram(new URL(main, import.meta.url))
  const server = { program, url: `http://localhost:${port}` }
  servers.push(server)
  while (!(await answers(server))) {
    if (!program.isRunning) throw new Error((await program.ended).complaints)
    await sleep(50)
  }
  return server
}

const answers = ({ url }: Server) =>
  fetch(url).then(
    () => true,
    () => false,
  )

/** Sends a command to the servers in turn until one answers. The id makes the repetition harmless. */
async function command(path: string, body: object): Promise<{ position: number }> {
  const commandId = randomUUID()
  for (let attempt = 0; attempt < 200; attempt++) {
    const { url } = servers[attempt % servers.length] as Server
    try {
      const response = await fetch(`${url}/${path}?commandId=${commandId}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      if (response.ok) return (await response.json()) as { position: number }
    } catch {
      // The server was killed; the next attempt asks another one.
    }
    await sleep(25)
  }
  throw new Error('no server answers')
}

/** Returns the server that holds the lease of a subscription. The names of workers contain the number of the process. */
async function ownerOf(subscription: string): Promise<Server> {
  for (;;) {
    const owners = (await store.subscriptionStatus(subscription))?.owners ?? []
    const owner = servers.find(({ program }) => owners[0]?.split('/')[1] === String(program.pid))
    if (owner !== undefined) return owner
    await sleep(20)
  }
}

/** Kills the owner of a subscription with SIGKILL while commands are sent, and starts another process. */
async function killOwner(subscription: string, main: string): Promise<void> {
  const victim = await ownerOf(subscription)
  await victim.program.kill()
  servers = servers.filter((server) => server !== victim)
  await startServer(main)
}

it('loses nothing and doubles nothing when a process is killed under load, and hands over at once on SIGTERM', async () => {
  const main = '../example/main.ts'
  await Promise.all([startServer(main), startServer(main)])
  const carts = Array.from({ length: 20 }, (_, index) => String(index))
  let sent = 0
  const load = carts.map(async (cart) => {
    for (let item = 0; item < 15; item++) {
      await command(`carts/${cart}`, { type: 'add', price: 2 })
      sent++
    }
    return command(`carts/${cart}`, { type: 'checkOut' })
  })
  await vi.waitUntil(() => sent > 60, { timeout: 30_000 })
  await killOwner('cart-totals', main)
  const last = Math.max(...(await Promise.all(load)).map(({ position }) => position))

  const waiting = { atLeast: last, timeout: 30_000 }
  for (const cart of carts) {
    const totals = await store.view('cart-totals').get(`cart-${cart}`, waiting)
    expect(totals?.state).toEqual({ items: 15, total: 30 })
    const invoice = await store.view('invoices').get(`cart-${cart}`, waiting)
    expect(invoice?.state).toEqual({ writes: 1, data: { total: 30 } })
  }

  const leaving = await ownerOf('cart-totals')
  const [staying] = servers.filter((server) => server !== leaving)
  const { status } = await fetch(`${staying?.url}/health`)
  expect(status).toBe(200)
  process.kill(leaving.program.pid, 'SIGTERM')
  const since = performance.now()
  servers = servers.filter((server) => server !== leaving)
  const { position } = await command('carts/new', { type: 'add', price: 7 })
  const answer = await fetch(`${staying?.url}/carts/new?atLeast=${position}`)
  const took = performance.now() - since
  expect(await answer.json()).toEqual({ items: 1, total: 7 })
  // The other process asks for free leases once a second. Without the release it would wait for the lease time of 15 s.
  expect(took).toBeLessThan(5_000)
  console.log(`SIGTERM: the other process had handled a new event after ${took.toFixed(0)} ms`)
  expect((await leaving.program.ended).complaints).toBe('')
}, 120_000)

it('passes each event of an aggregate to a durable handler once, although a process is killed under load', async () => {
  const main = '../example/cqrs/main.ts'
  await Promise.all([startServer(main), startServer(main)])
  const accounts = Array.from({ length: 10 }, (_, index) => String(index))
  const amounts = Array.from({ length: 20 }, (_, index) => index + 1)
  let sent = 0
  const load = accounts.map(async (account) => {
    const answered: number[] = []
    for (const amount of amounts) {
      answered.push((await command(`accounts/${account}`, { amount })).position)
      sent++
    }
    return Math.max(...answered)
  })
  await vi.waitUntil(() => sent > 50, { timeout: 30_000 })
  await killOwner('statements', main)
  const last = Math.max(...(await Promise.all(load)))
  for (const account of accounts) {
    const { events } = await store.readStream(`account-${account}`)
    expect(events.map(({ data }) => data)).toEqual(amounts.map((amount) => ({ account, amount })))
    const statement = await store.view('statements').get(account, { atLeast: last, timeout: 30_000 })
    expect(statement?.state).toEqual({ lines: amounts })
  }
}, 120_000)

it('is down with maxLagTime while the database does not answer, and up again afterwards', async () => {
  const proxy = await CuttingPostgresProxy.start(database.url)
  const app = await Test.createTestingModule({
    imports: [
      EventsourcedModule.forRoot({ open: () => postgresStore(proxy.url, { timeout: 1_000 }) }),
      EventsourcedModule.forFeature({ subscriptions: [{ name: 'follower', handle() {} }] }),
    ],
  })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile()
  try {
    await app.init()
    const health = app.get(EventsourcedHealthIndicator)
    const check = async () => (await health.isHealthy('log', { maxLagTime: 1_000, timeout: 200 })).log
    await vi.waitUntil(async () => (await check()).status === 'up', { timeout: 10_000 })
    proxy.silence('all')
    proxy.swallowConnections(true)
    expect(await check()).toMatchObject({
      status: 'down',
      subscriptions: { follower: { status: 'down', error: 'timeout' } },
    })
    expect((await health.isHealthy('log')).log.status).toBe('up')
    proxy.swallowConnections(false)
    proxy.cutAll()
    await vi.waitUntil(async () => (await check()).status === 'up', { timeout: 20_000 })
  } finally {
    await app.close()
    await proxy.stop()
  }
}, 60_000)
