/** `eventsourced console` as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { freePort } from '../../../../test/free-port.ts'
import { temporaryFolder } from '../../../../test/temporary-folder.ts'
import { openTarget } from '../../src/target/open.ts'
import { databases } from '../databases.ts'
import { run } from '../run.ts'

// Two seconds, and what a busy machine adds.
const longestEnd = 4_000
const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const children: ChildProcess[] = []
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  }
})

/** Starts the command. `url` resolves once it says where it listens, and rejects if it ends before. */
function start(...words: readonly string[]) {
  const source = ['--conditions=@eventsourced/source', '--import', 'tsx']
  const child = spawn(process.execPath, [...source, main, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  const notes: string[] = []
  child.stderr.on('data', (text) => notes.push(String(text)))
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  const said = once(createInterface(child.stdout), 'line').then(([line]) => JSON.parse(line).url as string)
  const url = Promise.race([
    said,
    exited.then((code) => Promise.reject(new Error(`ended with ${code}: ${notes.join('')}`))),
  ])
  url.catch(() => {})
  return { child, url, exited, err: () => notes.join('') }
}

// Within the repository, so that the configuration file finds the library.
const { path, remove } = temporaryFolder('console', fileURLToPath(new URL('.', import.meta.url)))
afterAll(remove)

const config = join(path, 'eventsourced.config.ts')
writeFileSync(
  config,
  `import { memoryStore, projection } from '@eventsourced/core'
export const store = memoryStore()
await store.append('order-1', [{ type: 'Placed', data: { card: '4711' } }])
export const redact = (value) => ({ ...value, card: 'hidden' })
export const projections = [projection({
  name: 'stock', key: ({ streamId }) => streamId, initialState: () => ({}), evolve: (state) => state,
})]
const { rebuild } = store
store.rebuild = async (what, options) => {
  await new Promise((_, reject) => options.signal.addEventListener('abort', () => reject(options.signal.reason)))
  return rebuild.call(store, what, options)
}
`,
)

describe('eventsourced console', () => {
  it('says where it listens, serves, and ends with Ctrl-C within two seconds, whatever runs', async () => {
    const { child, url, exited, err } = start('--config', config, '--json', 'console', '--port', '0')
    const place = await url
    expect(place).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/)
    const stream = await (await fetch(`${place}api/stream?id=order-1`)).json()
    expect(stream).toMatchObject({ events: [{ data: { card: 'hidden' } }] })
    const live = await fetch(`${place}api/jobs/live`)
    const headers = { 'content-type': 'application/json' }
    const post = (what: string, body: object) =>
      fetch(`${place}api/${what}`, { method: 'POST', headers, body: JSON.stringify(body) })
    expect((await post('projections/rebuild', { name: 'stock' })).status).toBe(200)
    expect(await (await fetch(`${place}api/audit`)).json()).toMatchObject({
      entries: [{ action: 'projections.rebuild', actor: expect.stringContaining('@') }],
    })

    const second = await run('--config', config, 'console', '--port', new URL(place).port)
    expect([second.exitCode, second.err]).toEqual([1, expect.stringContaining('--port 0')])

    const begin = performance.now()
    child.kill('SIGINT')
    expect(await exited).toBe(0)
    expect(performance.now() - begin).toBeLessThan(longestEnd)
    expect(err()).toContain("rebuild of 'stock'")
    await live.text().catch(() => {})
  })

  it('makes a token when other machines reach it, and changes nothing with --read-only', async () => {
    const words = ['--config', config, '--json', '--read-only', '--actor', 'ada', 'console']
    const { url, child, exited } = start(...words, '--host', '0.0.0.0', '--port', '0')
    const shown = new URL(await url)
    const token = shown.searchParams.get('token') ?? ''
    expect(token).toMatch(/^[\w-]{32}$/)
    const place = `http://127.0.0.1:${shown.port}/api`
    expect((await fetch(`${place}/jobs`)).status).toBe(401)
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    expect((await fetch(`${place}/jobs`, { headers })).status).toBe(200)
    expect((await fetch(`http://${shown.host}/api/jobs`, { headers })).status).toBe(200)
    const pause = { method: 'POST', headers, body: '{"name":"mailer"}' }
    expect((await fetch(`${place}/subscriptions/pause`, pause)).status).toBe(403)
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
  })
})

describe.each(databases.filter(({ name }) => name === 'postgres'))('on $name', ({ start: startDatabase }) => {
  it('starts while the database is away, and shows it once it is back', async () => {
    const database = await startDatabase()
    const { store } = await openTarget({ url: database.url }, true)
    await store.append('order-1', [{ type: 'Placed', data: {} }])
    await store.close()
    const address = new URL(database.url)
    const target = Number(address.port)
    const port = await freePort()
    address.port = String(port)
    const { url, child, exited, err } = start('--url', address.href, '--json', 'console', '--port', '0')
    const place = await url
    const away = await fetch(`${place}api/streams`)
    expect(away.status).toBeGreaterThanOrEqual(500)
    const text = await away.text()
    expect(JSON.parse(text)).toMatchObject({ code: expect.stringMatching(/store-unavailable|timeout/) })
    expect(text).not.toContain(String(port))
    const gate = await openGate(port, target)
    await expect.poll(async () => (await fetch(`${place}api/streams`)).status, { timeout: 30_000 }).toBe(200)
    expect(err()).toContain('does not answer yet')
    expect(err()).not.toContain(address.password === '' ? '\0' : `:${address.password}@`)

    gate.shut()
    const begin = performance.now()
    child.kill('SIGINT')
    expect(await exited).toBe(0)
    expect(performance.now() - begin).toBeLessThan(longestEnd)
    await database.stop()
  })

  it('says of a database that refuses it what it says, and not that it is away', async () => {
    const database = await startDatabase()
    const wrong = new URL(database.url)
    wrong.pathname = '/no-such-database'
    const { url, err } = start('--url', wrong.href, '--json', 'console', '--port', '0')
    await url
    await expect.poll(err, { timeout: 30_000 }).toContain('does not exist')
    expect(err()).not.toContain('does not answer')
    await database.stop()
  })
})

/** A way to the database that the test opens and shuts. */
async function openGate(port: number, target: number) {
  const sockets = new Set<Socket>()
  const gate: Server = createServer((inside) => {
    const outside = connect(target, '127.0.0.1')
    for (const socket of [inside, outside]) sockets.add(socket.on('error', () => {}))
    inside.pipe(outside).pipe(inside)
  })
  gate.listen(port, '127.0.0.1')
  await once(gate, 'listening')
  return {
    shut() {
      gate.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
