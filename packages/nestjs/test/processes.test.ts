/** Runs the example in real processes on a real Postgres: they are killed under load, restarted and shut down. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterEach, beforeEach, expect, inject, it, vi } from 'vitest'
import { type Program, startProgram } from '../../../test/child-program.ts'
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

async function startServer(): Promise<Server> {
  const port = await freePort()
  vi.stubEnv('PORT', String(port))
  const server = {
    program: startProgram(new URL('../example/main.ts', import.meta.url)),
    url: `http://localhost:${port}`,
  }
  servers.push(server)
  while (!(await isUp(server))) {
    if (!server.program.isRunning) throw new Error((await server.program.ended).complaints)
    await sleep(50)
  }
  return server
}

const isUp = ({ url }: Server) =>
  fetch(`${url}/health`).then(
    ({ ok }) => ok,
    () => false,
  )

/** Sends a command to the servers in turn until one answers. The id makes the repetition harmless. */
async function command(cart: string, body: object): Promise<{ version: number; position: number }> {
  const commandId = randomUUID()
  for (let attempt = 0; ; attempt++) {
    const { url } = servers[attempt % servers.length] as Server
    try {
      const response = await fetch(`${url}/carts/${cart}?commandId=${commandId}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      if (response.ok) return (await response.json()) as { version: number; position: number }
    } catch {}
    if (attempt > 200) throw new Error('no server answers')
    await sleep(25)
  }
}

/** Returns the server that holds the lease of the projection. The names of workers contain the number of the process. */
async function ownerOf(subscription: string): Promise<Server> {
  for (;;) {
    const owners = (await store.subscriptionStatus(subscription))?.owners ?? []
    const owner = servers.find(({ program }) => owners[0]?.split('/')[1] === String(program.pid))
    if (owner !== undefined) return owner
    await sleep(20)
  }
}

it('loses nothing and doubles nothing when a process is killed under load, and hands over at once on SIGTERM', async () => {
  await startServer()
  await startServer()
  const carts = Array.from({ length: 20 }, (_, index) => String(index))
  let sent = 0
  const load = carts.map(async (cart) => {
    for (let item = 0; item < 15; item++) {
      await command(cart, { type: 'add', price: 2 })
      sent++
    }
    return command(cart, { type: 'checkOut' })
  })
  await vi.waitUntil(() => sent > 60, { timeout: 30_000 })
  const victim = await ownerOf('cart-totals')
  await victim.program.kill()
  expect(sent).toBeLessThan(300)
  servers = servers.filter((server) => server !== victim)
  await startServer()
  const last = Math.max(...(await Promise.all(load)).map(({ position }) => position))

  const view = store.view('invoices')
  for (const cart of carts) {
    const totals = await store
      .view<{ items: number; total: number }>('cart-totals')
      .get(`cart-${cart}`, { atLeast: last, timeout: 30_000 })
    expect(totals).toMatchObject({ state: { items: 15, total: 30 } })
    const invoice = await view.get(`cart-${cart}`, { atLeast: last, timeout: 30_000 })
    expect(invoice?.state).toEqual({ writes: 1, data: { total: 30 } })
  }

  const leaving = await ownerOf('cart-totals')
  const staying = servers.find((server) => server !== leaving) as Server
  process.kill(leaving.program.pid, 'SIGTERM')
  const since = performance.now()
  servers = [staying]
  const { position } = await command('new', { type: 'add', price: 7 })
  const answer = await fetch(`${staying.url}/carts/new?atLeast=${position}`)
  const took = performance.now() - since
  expect(await answer.json()).toEqual({ items: 1, total: 7 })
  expect((await leaving.program.ended).exitCode).toBeNull()
  console.log(`takeover after SIGTERM: ${took.toFixed(0)} ms`)
  expect(took).toBeLessThan(1_000)
}, 120_000)
