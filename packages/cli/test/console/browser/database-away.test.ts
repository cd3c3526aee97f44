/** A page of the console whose database is stopped and started again. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startBrowser } from '../../../../../test/browser.ts'
import { type OwnServer, startOwnServer } from '../../../../../test/postgres/own-server.ts'
import { type ShopConsole, startShopConsole } from '../shop-console.ts'
import { watchedPage } from './watched-page.ts'

let browser: Browser
let server: OwnServer
let shop: ShopConsole

beforeAll(async () => {
  browser = await startBrowser()
  server = await startOwnServer([])
  shop = await startShopConsole({ server: server.url, orders: 40 })
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await shop?.stop()
  await server?.remove()
})

it('shows what it has read, says that the database is away, and heals itself', {
  timeout: 180_000,
}, async () => {
  const stream = await watchedPage(browser, shop.url)
  const tail = await watchedPage(browser, shop.url)
  for (const watched of [stream, tail]) watched.expects(/status of 50\d/)
  await stream.show('#/stream?id=order-1031&decider=order')
  await tail.show('#/tail')
  // A reload would lose it.
  await stream.page.evaluate('window.isFirstLoad = true')
  const heading = stream.page.getByRole('heading', { name: /^State at version/ })
  await heading.waitFor()

  await server.crash()
  await stream.page.getByText('tries again by itself').waitFor({ timeout: 30_000 })
  await tail.page.getByText('tries again by itself').waitFor({ timeout: 30_000 })
  // What was read stays.
  expect(await heading.isVisible()).toBe(true)
  expect(await tail.page.getByRole('row').count()).toBeGreaterThan(10)

  await server.start()
  const item = { sku: 'database-is-back', quantity: 1, price: 1 }
  await shop.store.append('order-1031', [{ type: 'ItemAdded', data: { item, total: 1 } }])
  await stream.page.getByRole('row', { name: /ItemAdded/ }).waitFor({ timeout: 45_000 })
  await tail.page.getByRole('row', { name: /ItemAdded order-1031/ }).waitFor({ timeout: 45_000 })
  for (const { page } of [stream, tail]) {
    await page.getByText('tries again by itself').waitFor({ state: 'detached', timeout: 15_000 })
  }
  expect(await stream.page.evaluate('window.isFirstLoad')).toBe(true)
  for (const watched of [stream, tail]) {
    expect(watched.complaints).toEqual([])
    await watched.close()
  }
})
