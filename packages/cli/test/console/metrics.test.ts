/** What the console learns of the processes that append: in its own process, and over their metrics for Prometheus. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { memoryStore } from '@eventsourced/core'
import { prometheus } from '@eventsourced/core/prometheus'
import { afterEach, describe, expect, it } from 'vitest'
import { consoleMetrics } from '../../src/console/index.ts'
import { scrapedMetrics } from '../../src/console/scraped-metrics.ts'

const { signal } = new AbortController()
const placed = [{ type: 'Placed', data: {} }]
const conflict = { expectedVersion: 7 }

describe('consoleMetrics', () => {
  it('counts appends, conflicts and commits', async () => {
    const metrics = consoleMetrics()
    const store = memoryStore({ onMetric: metrics.record })
    await store.append('order-1', placed)
    await store.append('order-1', placed)
    await store.append('order-1', placed, conflict).catch(() => {})
    await store.readStream('order-1')
    metrics.record({ kind: 'commit', appends: 2, duration: 2.5 })
    expect(await metrics.read(signal)).toMatchObject({ appends: 2, conflicts: 1 })
    const { commits = 0, commitMilliseconds = 0 } = (await metrics.read(signal)) ?? {}
    expect(commits).toBeGreaterThanOrEqual(1)
    expect(commitMilliseconds).toBeGreaterThanOrEqual(2.5)
  })
})

describe('scrapedMetrics', () => {
  const servers: Server[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) server.close().closeAllConnections()
  })

  /** A process that appends. `restart` lets it count from 0. */
  async function startProcess(prefix?: string) {
    let metrics = prometheus({ prefix })
    let store = memoryStore({ observe: metrics })
    const server = createServer(async (_, response) => response.end(await metrics.text()))
    servers.push(server.listen(0, '127.0.0.1'))
    await new Promise((resolve) => server.once('listening', resolve))
    let number = 0
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
      async append(count: number) {
        for (let index = 0; index < count; index++) await store.append(`order-${++number}`, placed)
      },
      collide: () => store.append('order-1', placed, conflict).catch(() => {}),
      restart() {
        metrics = prometheus({ prefix })
        store = memoryStore({ observe: metrics })
      },
      stop: () => new Promise<void>((resolve) => server.close(() => resolve()).closeAllConnections()),
    }
  }

  it('sums what all processes did since the first look', async () => {
    const [one, two] = [await startProcess(), await startProcess()]
    await one.append(5)
    const source = scrapedMetrics([one.url, two.url])
    await two.append(1)
    expect(await source.read(signal)).toEqual({ appends: 0, conflicts: 0, commits: 0, commitMilliseconds: 0 })
    await one.append(2)
    await two.append(3)
    await two.collide()
    const counts = await source.read(signal)
    expect(counts).toMatchObject({ appends: 5, conflicts: 1, commits: 6 })
    expect(counts?.commitMilliseconds).toBeGreaterThan(0)
  })

  it('never falls: a process that restarts counts on, one that is away keeps what it did', async () => {
    const [one, two] = [await startProcess(), await startProcess()]
    const source = scrapedMetrics([one.url, two.url])
    await one.append(9)
    await two.append(1)
    await source.read(signal)
    await one.append(1)
    await source.read(signal)
    one.restart()
    await one.append(2)
    expect(await source.read(signal)).toMatchObject({ appends: 3 })
    await one.stop()
    await two.append(4)
    expect(await source.read(signal)).toMatchObject({ appends: 7 })
    await two.stop()
    expect(await source.read(signal)).toBeUndefined()
  })

  it('knows metrics with a prefix of their own, and takes no other text for metrics', async () => {
    const shop = await startProcess('shop_')
    await shop.append(1)
    const source = scrapedMetrics([shop.url], { prefix: 'shop_' })
    await source.read(signal)
    await shop.append(1)
    expect(await source.read(signal)).toMatchObject({ appends: 1 })
    expect(await scrapedMetrics([shop.url]).read(signal)).toBeUndefined()
  })

  it('ends with the signal, and refuses what is no address', async () => {
    const silent = createServer(() => {})
    servers.push(silent.listen(0, '127.0.0.1'))
    await new Promise((resolve) => silent.once('listening', resolve))
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`
    await expect(scrapedMetrics([url]).read(AbortSignal.timeout(50))).rejects.toThrow(/timeout/)
    expect(() => scrapedMetrics(['localhost:3000'])).toThrow(/metrics/)
    // `fetch` asks no address with a password.
    expect(() => scrapedMetrics(['http://ada:secret@localhost:3000/metrics'])).toThrow(/without a user/)
  })
})
