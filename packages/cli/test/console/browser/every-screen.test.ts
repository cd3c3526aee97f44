/** What holds on every screen of the console: for screen readers, keyboards, phones, and for the browser's console. */
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { startBrowser } from '../../../../../test/browser.ts'
import { type ShopConsole, startShopConsole } from '../shop-console.ts'
import { screens } from './screens.ts'
import { brokenRules, overhang, watchedPage } from './watched-page.ts'

const heaviestPage = 80_000

let browser: Browser
let shop: ShopConsole

beforeAll(async () => {
  browser = await startBrowser()
  shop = await startShopConsole({ server: inject('servers').postgres })
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await shop?.stop()
})

describe.each(['light', 'dark'] as const)('in %s colours', (scheme) => {
  it('axe finds nothing on any screen, and the browser complains about nothing', {
    timeout: 300_000,
  }, async () => {
    const watched = await watchedPage(browser, shop.url, { scheme })
    watched.expects(/status of 404/)
    for (const { name, address } of screens(shop.positions)) {
      await watched.show(address)
      expect([name, await brokenRules(watched.page)]).toEqual([name, []])
      expect([name, watched.complaints]).toEqual([name, []])
    }
    await watched.show('#/parked')
    await watched.page.keyboard.press('?')
    await watched.page.getByRole('dialog', { name: 'Keys' }).waitFor()
    expect(await brokenRules(watched.page)).toEqual([])
    await watched.close()
  })
})

it('axe finds nothing where a subscription has parked thousands of events', {
  timeout: 120_000,
}, async () => {
  const name = 'parks-all'
  await shop.store.runOnce({
    name,
    onError: { retries: 0, action: 'park' },
    handle() {
      throw new Error('no')
    },
  })
  expect((await shop.store.subscriptions.get(name))?.parked).toBeGreaterThan(1_000)
  const watched = await watchedPage(browser, shop.url)
  for (const address of ['#/subscriptions', `#/subscription?name=${name}`, `#/parked?subscription=${name}`]) {
    await watched.show(address)
    expect([address, await brokenRules(watched.page)]).toEqual([address, []])
  }
  await watched.close()
})

it('fits the width of a phone', { timeout: 180_000 }, async () => {
  const watched = await watchedPage(browser, shop.url, { width: 390, height: 844 })
  for (const { name, address } of screens(shop.positions)) {
    await watched.show(address)
    expect([name, await overhang(watched.page)]).toEqual([name, 0])
  }
  await watched.close()
})

it('leads to the timeline of a stream by the keyboard alone', async () => {
  const watched = await watchedPage(browser, shop.url)
  const { page } = watched
  await watched.show('')
  await page.keyboard.press('g')
  await page.keyboard.press('s')
  await page.getByRole('heading', { name: 'Streams', level: 1 }).waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('order-1031')
  await page.getByRole('row', { name: /order-1030/ }).waitFor({ state: 'detached' })
  await page.getByRole('link', { name: 'order-1031' }).waitFor()
  const slider = page.getByRole('slider', { name: 'Version' })
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press('Tab')
    if ((await page.locator(':focus').textContent()) === 'order-1031') break
  }
  await page.keyboard.press('Enter')
  await slider.waitFor()
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press('Tab')
    if ((await page.locator(':focus').getAttribute('type')) === 'range') break
  }
  const before = Number(await slider.inputValue())
  await page.keyboard.press('ArrowLeft')
  await expect.poll(() => page.url()).toContain(`version=${before - 1}`)
  await watched.close()
})

it('is light', () => {
  const folder = new URL('../../../dist/page/assets/', import.meta.url)
  const files = readdirSync(folder).filter((file) => /\.(js|css)$/.test(file))
  expect(files.length).toBeGreaterThan(1)
  const weight = files.reduce((sum, file) => sum + gzipSync(readFileSync(new URL(file, folder))).length, 0)
  expect(weight).toBeLessThanOrEqual(heaviestPage)
})
