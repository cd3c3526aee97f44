/** The open connections of the page: a browser has six for a console, and one that is dead looks like one that is silent. */
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { startBrowser } from '../../../../../test/browser.ts'
import { type ShopConsole, startShopConsole } from '../shop-console.ts'
import { watchedPage } from './watched-page.ts'

let browser: Browser
let shop: ShopConsole

beforeAll(async () => {
  browser = await startBrowser()
  shop = await startShopConsole({ server: inject('servers').postgres, orders: 40 })
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await shop?.stop()
})

/** What a browser does when the user goes to another tab, and back. */
const setHidden = (page: Page, isHidden: boolean) =>
  page.evaluate(`
    Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  `)

const note = (text: string) => shop.store.append('order-1031', [{ type: text, data: { text } }])

it('a tab in the background holds none, so many tabs can be open, and shows what it has missed', {
  timeout: 120_000,
}, async () => {
  const watched = await watchedPage(browser, shop.url)
  const context = watched.page.context()
  const first = watched.page
  await first.goto(`${shop.url}#/tail`)
  await first.getByRole('row').nth(10).waitFor()
  const tabs: Page[] = [first]
  for (let count = 0; count < 7; count++) {
    await setHidden(tabs.at(-1) as Page, true)
    const page = await context.newPage()
    await page.goto(`${shop.url}#/tail`)
    await page.getByRole('row').nth(10).waitFor({ timeout: 10_000 })
    tabs.push(page)
  }
  await note('WhileAway')
  await setHidden(first, false)
  await first.getByRole('row', { name: /WhileAway/ }).waitFor()
  expect(await first.getByRole('row', { name: /WhileAway/ }).count()).toBe(1)
  await note('WhenBack')
  await first.getByRole('row', { name: /WhenBack/ }).waitFor()
  expect(watched.complaints).toEqual([])
  await watched.close()
})

/** A network between the page and the console that can lose every packet, as while a computer sleeps. */
async function startNetwork(port: number) {
  const sockets = new Set<Socket>()
  const server: Server = createServer((page) => {
    const console = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [page, console],
      [console, page],
    ] as const) {
      sockets.add(from)
      from.on('error', () => {})
      from.pipe(to)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    /** The connections stay open, and nothing passes. New ones work. */
    lose() {
      for (const socket of sockets) socket.unpipe().pause()
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

it('one that is cut without a close is replaced, and continues after the last event', {
  timeout: 120_000,
}, async () => {
  const network = await startNetwork(Number(new URL(shop.url).port))
  const url = `http://127.0.0.1:${network.port}/`
  const watched = await watchedPage(browser, url)
  const { page } = watched
  const asked: string[] = []
  page.on('request', (request) => {
    if (request.url().includes('log/live')) asked.push(request.url())
  })
  try {
    await page.goto(`${url}#/tail`)
    await page.getByRole('row').nth(10).waitFor()
    const { position } = await note('BeforeSleep')
    await page.getByRole('row', { name: /BeforeSleep/ }).waitFor()
    // Until then, the console has closed the connections that nothing uses.
    await page.waitForTimeout(6_000)
    network.lose()
    await note('InSleep')
    await page.getByRole('row', { name: /InSleep/ }).waitFor({ timeout: 75_000 })
    expect(await page.getByRole('row', { name: /BeforeSleep/ }).count()).toBe(1)
    expect(new URL(asked.at(-1) ?? '').searchParams.get('after')).toBe(String(position))
  } finally {
    await watched.close()
    await network.stop()
  }
})
