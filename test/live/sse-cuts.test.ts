/**
 * Clients of Server-Sent Events while connections are cut and server processes are killed. For each key, a client must see
 * the final state, and never an older revision after a newer one.
 */
import { type EventStore, memoryStore } from '@eventsourced/core'
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { postgresStore } from '@eventsourced/core/postgres'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { balances, deposit } from '../../src/conformance/balances.ts'
import { collect, range } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { startProgram } from '../child-program.ts'
import { CuttingPostgresProxy } from '../cutting-proxy.ts'
import { createDatabase } from '../database.ts'
import { startEmulator } from '../emulators/start.ts'
import { freePort } from '../free-port.ts'
import { rounds } from '../rounds.ts'
import { stores } from '../stores.ts'
import { emulatorClient } from '../worlds/dynamodb.ts'
import { type Frame, follow } from './frames.ts'
import { serveViews } from './serve-views.ts'

const keys = range(1, 8).map((number) => `k-${number}`)

/** What a client has seen, and the rules that it has found broken. */
class Client {
  readonly revisions = new Map<string, number>()
  readonly problems: string[] = []
  resets = 0
  frames = 0
  #position = 0
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>

  constructor(url: string) {
    this.#ended = follow(url, this.#stop.signal, (frame) => this.#take(frame))
  }

  async end(): Promise<void> {
    this.#stop.abort()
    await this.#ended
  }

  #take({ event, id, data }: Frame): void {
    this.frames++
    if (event === 'error') this.problems.push(`error ${data.code}`)
    if (event === 'error') return
    if (id !== `${data.generation}-${data.position}`) this.problems.push(`id ${id}`)
    if (data.position < this.#position)
      this.problems.push(`position ${data.position} after ${this.#position}`)
    this.#position = data.position
    if (event === 'reset') this.resets++
    for (const { key, revision } of data.documents ?? [data]) {
      const before = this.revisions.get(key) ?? 0
      if (revision < before) this.problems.push(`${key}: revision ${revision} after ${before}`)
      this.revisions.set(key, revision)
    }
  }
}

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** Appends while `harm` is done again and again, and checks what the clients have seen. */
async function appendThroughHarm(store: EventStore, url: string, harm: () => Promise<void>, times = 6) {
  const clients = [
    new Client(`${url}/?prefix=k-`),
    new Client(`${url}/?prefix=`),
    ...keys.slice(0, 3).map((key) => new Client(`${url}/?key=${key}`)),
  ]
  cleanUps.push(() => Promise.all(clients.map((client) => client.end())))
  let isWriting = true
  const writing = (async () => {
    for (let count = 0; isWriting; count++) {
      await store.append(`s-${count % 3}`, [
        deposit(keys[count % 8] as string, 1),
        deposit(keys[(count * 3) % 8] as string, 1),
      ])
      await sleep(4)
    }
  })()
  for (const _ of range(1, times * rounds)) {
    // Each client gets something from each server.
    const before = clients.map(({ frames }) => frames)
    while (clients.some(({ frames }, nth) => frames <= (before[nth] ?? 0))) await sleep(5)
    await harm()
  }
  isWriting = false
  await writing
  const documents = await collect(store.view(balances).list())
  const wanted = new Map(documents.map(({ key, revision }) => [key, revision]))
  const deadline = performance.now() + 20_000
  const isComplete = (client: Client, nth: number) =>
    (nth < 2 ? keys : [keys[nth - 2] as string]).every((key) => client.revisions.get(key) === wanted.get(key))
  while (!clients.every(isComplete) && performance.now() < deadline) await sleep(20)
  for (const [nth, client] of clients.entries()) {
    expect(client.problems).toEqual([])
    expect(isComplete(client, nth)).toBe(true)
  }
  return clients
}

const isTested = (name: string) => stores.some((store) => store.name === name)

/** Kills the server process, and starts another one on the same port. `harmConnections`: what to do meanwhile. */
async function killServers(
  store: EventStore,
  place: readonly string[],
  harmConnections: () => Promise<void>,
  times?: number,
) {
  const port = await freePort()
  const start = async () => {
    const started = startProgram(new URL('./view-server.ts', import.meta.url), String(port), ...place)
    await started.said()
    return started
  }
  let server = await start()
  cleanUps.push(() => server.kill())
  const harm = async () => {
    await harmConnections()
    await sleep(200)
    await server.kill()
    server = await start()
  }
  return appendThroughHarm(store, `http://127.0.0.1:${port}`, harm, times)
}

describe('Server-Sent Events: every key that changes is seen, and no older state after a newer one', () => {
  it('while the connections of clients are cut', async () => {
    const store = memoryStore({ inline: [balances] })
    const { url, server } = await serveViews(store)
    cleanUps.push(async () => {
      await store.close()
      server.closeAllConnections()
      server.close()
    })
    const clients = await appendThroughHarm(store, url, async () => {
      await sleep(100)
      server.closeAllConnections()
    })
    // They resumed after the last frame. A reset came at the beginning only.
    for (const { resets } of clients) expect(resets).toBe(1)
  })

  if (isTested('pg'))
    it('while server processes on Postgres are killed, and their connections cut', {
      timeout: 120_000 * rounds,
    }, async () => {
      const database = await createDatabase(inject('servers').postgres)
      const proxy = await CuttingPostgresProxy.start(database.url)
      const store = postgresStore(database.url, { inline: [balances] })
      cleanUps.push(async () => {
        await store.close()
        await proxy.stop()
        await database.drop()
      })
      await store.append('s-0', [deposit('k-1', 1)])
      const clients = await killServers(store, ['pg', proxy.url], async () => proxy.cutAll())
      for (const { resets } of clients) expect(resets).toBe(1)
    })

  if (isTested('dynoxide'))
    it('while server processes on DynamoDB are killed', {
      timeout: 120_000 * rounds,
    }, async () => {
      const emulator = await startEmulator('dynoxide')
      const client = emulatorClient(emulator.endpoint)
      const store = dynamodbStore({ client, table: 'live', inline: [balances] })
      cleanUps.push(async () => {
        await store.close()
        client.destroy()
        await emulator.stop()
      })
      await store.schema.create()
      await store.append('s-0', [deposit('k-1', 1)])
      // There, the events of another process come up to 2 s later.
      await killServers(store, ['dynoxide', emulator.endpoint, 'live'], async () => {}, 3)
    })
})
