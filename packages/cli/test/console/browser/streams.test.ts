/** Streams in the console: search, time travel, new events, and events that attack the page. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest'
import { startBrowser } from '../../../../../test/browser.ts'
import { hostileStream, largeStream, longStream, longStreamEvents } from '../shop.ts'
import { type ShopConsole, startShopConsole } from '../shop-console.ts'
import { settled } from './settled.ts'
import { type WatchedPage, watchedPage } from './watched-page.ts'

let browser: Browser
let shop: ShopConsole
let watched: WatchedPage

beforeAll(async () => {
  browser = await startBrowser()
  shop = await startShopConsole({ server: inject('servers').postgres })
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await shop?.stop()
})
beforeEach(async () => {
  watched = await watchedPage(browser, shop.url)
  onTestFinished(async () => {
    await watched.close()
    expect(watched.complaints).toEqual([])
  })
})

/** Opens a page by its hash. */
const stream = (id: string, more = '') => `#/stream?id=${encodeURIComponent(id)}${more}`

describe('streams', () => {
  it('are found by the beginning of their ids, and opened', async () => {
    const { page } = watched
    await watched.show('#/streams')
    await page.getByRole('searchbox', { name: 'Id begins with' }).fill('order-104')
    const rows = page.getByRole('table', { name: 'Streams' }).getByRole('row')
    await expect.poll(() => rows.count()).toBe(11)
    expect(new URL(page.url()).hash).toContain('prefix=order-104')
    await page.getByRole('link', { name: 'order-1042' }).click()
    await page.getByRole('heading', { name: 'order-1042', level: 1 }).waitFor()
    await page.getByRole('slider').waitFor()
  })

  it('the largest and the newest come first if asked', async () => {
    const { page } = watched
    await watched.show('#/streams?order=largest')
    const first = page.getByRole('table', { name: 'Streams' }).getByRole('row').nth(1)
    expect(await first.textContent()).toContain(longStream)
    await shop.store.append('order-newest', [{ type: 'OrderCancelled', data: cancelled }])
    await watched.show('#/streams?order=newest')
    expect(await first.textContent()).toContain('order-newest')
  })
})

const cancelled = {
  customer: { id: 'customer-01', name: 'Ada Lovelace', city: 'London', email: 'ada@mail.example' },
  reason: 'sold out',
}

describe('time travel', () => {
  it('shows the state of each version, what its event changed, and the same again from its address', async () => {
    const { page } = watched
    const { events } = await shop.store.readStream('order-1042')
    await watched.show(stream('order-1042', '&decider=order&version=1'))
    const state = page.getByRole('region', { name: 'State', exact: true })
    const event = page.getByRole('region', { name: 'Event', exact: true })
    const changes = state.getByRole('list')
    await event.getByRole('heading', { name: `Event 1: ${events[0]?.type}` }).waitFor()
    await changes.getByText('placed', { exact: true }).waitFor()
    const before = await state.textContent()

    const slider = page.getByRole('slider', { name: 'Version' })
    await slider.focus()
    for (let version = 2; version <= events.length; version++) {
      await page.keyboard.press('ArrowRight')
      const type = events[version - 1]?.type
      await event.getByRole('heading', { name: `Event ${version}: ${type}` }).waitFor()
      await state.getByRole('heading', { name: `State at version ${version}` }).waitFor()
      if (type === 'OrderPaid') {
        await changes.getByText('status', { exact: true }).waitFor()
        await changes.getByText('paid', { exact: true }).first().waitFor()
      }
    }
    expect(await state.textContent()).not.toBe(before)
    await page.keyboard.press('ArrowLeft')
    await state.getByRole('heading', { name: `State at version ${events.length - 1}` }).waitFor()
    await settled(page)
    const left = await state.textContent()

    // The address follows a moment after the slider.
    await expect.poll(() => new URL(page.url()).hash).toContain(`version=${events.length - 1}`)
    await page.reload()
    await state.getByRole('heading', { name: `State at version ${events.length - 1}` }).waitFor()
    await settled(page)
    expect(await state.textContent()).toBe(left)
    expect(await slider.inputValue()).toBe(String(events.length - 1))
  })

  it('arrives at the right version, however fast the slider moves through a long stream', async () => {
    const { page } = watched
    await watched.show(stream(longStream, '&decider=stock&version=1'))
    const slider = page.getByRole('slider', { name: 'Version' })
    for (let version = 10; version <= longStreamEvents; version += 10) await slider.fill(String(version))
    await page.getByRole('heading', { name: `State at version ${longStreamEvents}` }).waitFor()
    await page.getByRole('heading', { name: `Event ${longStreamEvents}:` }).waitFor()
    await slider.fill('123')
    await page.getByRole('heading', { name: 'State at version 123' }).waitFor()
  })
})

describe('new events', () => {
  it('arrive in the open stream, and leave the reader at the version that is shown', async () => {
    const { page } = watched
    await watched.show(stream('order-1007', '&decider=order&version=2'))
    await shop.store.append('order-1007', [{ type: 'OrderCancelled', data: cancelled }])
    await page.getByText(/newer event/).waitFor({ timeout: 15_000 })
    await page
      .getByRole('row', { name: /OrderCancelled/ })
      .first()
      .waitFor({ timeout: 15_000 })
    await page.getByRole('heading', { name: 'State at version 2' }).waitFor()
    await page.getByRole('button', { name: 'Show the newest' }).click()
    await page.getByRole('region', { name: 'State', exact: true }).getByText('"cancelled"').first().waitFor()
  })

  it('arrive in the tail', async () => {
    const { page } = watched
    await watched.show('#/tail')
    await shop.store.append('tail-1', [{ type: 'ShopOpened', data: { by: 'Zoë' } }])
    const row = page.getByRole('row', { name: /ShopOpened/ })
    await row.waitFor({ timeout: 15_000 })
    await row.getByRole('link', { name: 'tail-1' }).waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    await shop.store.append('tail-1', [{ type: 'ShopClosed', data: { by: 'Zoë' } }])
    await page.getByRole('button', { name: '1 new event' }).waitFor({ timeout: 15_000 })
    expect(await page.getByRole('row', { name: /ShopClosed/ }).count()).toBe(0)
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByRole('row', { name: /ShopClosed/ }).waitFor()
  })
})

describe('hostile events', () => {
  it('show their markup as text on every screen, and run nothing', async () => {
    const { page } = watched
    const { events } = await shop.store.readStream(hostileStream)
    const [first] = events
    const correlation = encodeURIComponent(String(first?.metadata.correlationId))
    for (const address of [
      stream(hostileStream),
      `#/event?position=${first?.position}`,
      `#/trace?correlation=${correlation}&around=${first?.position}`,
      '#/streams?prefix=review',
      '#/tail?prefix=review',
    ]) {
      await watched.show(address)
      await page.getByText('<b onmouseover=').first().waitFor()
      expect(await page.locator('main img, main script, main b[onmouseover], main svg[onload]').count()).toBe(
        0,
      )
      expect(await page.evaluate('"hacked" in window')).toBe(false)
    }
    await watched.show(`#/event?position=${first?.position}`)
    await page.getByText('<img src=x onerror=').first().waitFor()
  })

  it('cannot bring the page down by their size: the beginning is shown, and the whole megabyte if asked', async () => {
    const { page } = watched
    await watched.show(stream(largeStream))
    await page.getByRole('button', { name: 'Read all' }).click()
    const data = page.getByRole('region', { name: 'Data', exact: true })
    await data.waitFor()
    await page
      .getByRole('searchbox')
      .or(page.getByRole('heading', { level: 1 }))
      .first()
      .click({ timeout: 5_000 })
    await watched.show('#/tail?prefix=catalogue')
    expect((await page.getByRole('main').innerHTML()).length).toBeLessThan(20_000)
  })
})
