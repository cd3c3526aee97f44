/** The shop of the console's tests: on every database it is the same, and the command line can read it. */
import { memoryStore } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createDatabase } from '../../../../test/database.ts'
import { openTarget } from '../../src/target/open.ts'
import { databases, type StartedDatabase } from '../databases.ts'
import { rows, run } from '../run.ts'
import { fillShop, longStream, longStreamEvents, mailerName, sales, shopConfig, startShop } from './shop.ts'

const end = new Date('2025-11-14T16:00:00Z')
const fewest = 300

describe.each(databases)('the shop on $name', ({ start }) => {
  let database: StartedDatabase
  beforeAll(async () => {
    database = await start()
    const { store } = await openTarget({ url: database.url }, true)
    await fillShop(store, { end })
    await store.close()
  })
  afterAll(() => database?.stop())

  it('has a few hundred streams, one of them long, and events that cause each other', async () => {
    const here = async (...words: string[]) => rows(await run('--url', database.url, ...words, '--json'))
    expect((await here('streams', '--limit', '1000')).length).toBeGreaterThan(fewest)
    expect(await here('stream', longStream, '--limit', '1000')).toHaveLength(longStreamEvents)
    const traced = await here('trace', 'checkout-1042')
    expect(new Set(traced.map(({ streamId }) => streamId)).size).toBeGreaterThan(2)
    expect(Math.max(...traced.map(({ depth }) => depth))).toBeGreaterThan(4)
  })
})

describe('the workers of the shop', () => {
  it('park mails with their errors, and send them when the mail server is repaired', async () => {
    const store = memoryStore({ inline: [sales] })
    await fillShop(store, { end, orders: 30 })
    const workers = startShop(store)
    await workers.caughtUp()
    const parked = []
    for await (const one of store.parked(mailerName).list()) parked.push(one)
    expect(new Set(parked.map(({ error }) => error.split(':')[0])).size).toBe(2)
    workers.mailer.isRepaired = true
    for (const { position } of parked) await store.parked(mailerName).retry(position)
    const parkedNow = async () => (await store.subscriptionStatus(mailerName))?.parked
    await expect.poll(parkedNow, { timeout: 30_000 }).toBe(0)
    const documents = []
    for await (const one of store.view(sales).list()) documents.push(one)
    expect(documents).toHaveLength(6)
    await workers.stop()
    await store.close()
  })
})

describe('the configuration file of the shop', () => {
  it('folds its orders', async () => {
    const { url, drop } = await createDatabase(inject('servers').postgres)
    const store = postgresStore(url, { inline: [sales] })
    await fillShop(store, { end, orders: 3 })
    await store.close()
    process.env.SHOP_URL = url
    const folded = await run('--config', shopConfig, 'stream', 'order-1002', '--fold', 'order', '--json')
    expect(rows(folded)).toMatchObject([{ state: { status: expect.any(String), items: expect.any(Array) } }])
    delete process.env.SHOP_URL
    await drop()
  })
})
