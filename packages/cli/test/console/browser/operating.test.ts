/** Operating in the console: rebuilds, parked events, subscriptions, and a console that is read-only. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, inject, it, onTestFinished } from 'vitest'
import { startBrowser } from '../../../../../test/browser.ts'
import { mailerName } from '../shop.ts'
import { type ShopConsole, startShopConsole } from '../shop-console.ts'
import { screens } from './screens.ts'
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

const parkedOf = async (error: string) => {
  const found = []
  for await (const one of shop.store.parked(mailerName).list()) if (one.error.includes(error)) found.push(one)
  return found
}

it('rebuilds a projection, with progress, and verifies it', async () => {
  const { page } = watched
  // Long enough to be seen.
  const noise = Array.from({ length: 20_000 }, (_, index) => ({
    streamId: `noise-${index % 50}`,
    type: 'ItemAdded',
    data: { item: { sku: `button-${index % 500}`, quantity: 1, price: 3 }, total: 3 },
  }))
  await shop.store.import(noise, { name: 'noise' })
  await watched.show('#/projections')
  await page.getByRole('row', { name: /sales/ }).getByRole('button', { name: 'Rebuild' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Rebuild' }).click()
  const job = page.getByRole('listitem', { name: 'Rebuild of sales' })
  const progress = job.getByRole('progressbar')
  await progress.waitFor()
  await job.getByText(/events\/s/).waitFor()
  await job.getByText('done', { exact: true }).waitFor({ timeout: 60_000 })
  expect(await progress.count()).toBe(0)
  await page.getByRole('row', { name: /sales/ }).getByRole('button', { name: 'Verify' }).click()
  await page
    .getByRole('listitem', { name: 'Verification of sales' })
    .getByText('the documents are right')
    .waitFor({ timeout: 60_000 })
})

it('shows the error and the stack of a parked event, and retries it', async () => {
  const { page } = watched
  await watched.show(`#/parked?subscription=${mailerName}`)
  await page.getByRole('row', { name: /550/ }).first().getByRole('link').first().click()
  await page
    .getByRole('region', { name: 'Error and stack' })
    .getByText(/MailboxUnavailable: 550.*\n.*at Mailer/)
    .waitFor()
  const { position } = Object.fromEntries(new URLSearchParams(page.url().split('?')[1]))
  // Once a worker has handled it, the event is not parked.
  watched.expects(/404/)
  shop.workers.mailer.isRepaired = true
  await page.getByRole('button', { name: 'Retry' }).click()
  await expect
    .poll(async () => (await parkedOf('')).some((one) => String(one.position) === position), {
      timeout: 15_000,
    })
    .toBe(false)
  shop.workers.mailer.isRepaired = false
  await page
    .getByRole('status')
    .getByText(/handled|Handed/)
    .first()
    .waitFor({ timeout: 15_000 })
})

it('skips many parked events at once, after their subscription is named', async () => {
  const { page } = watched
  await watched.show(`#/parked?subscription=${mailerName}`)
  const [busy, closed] = [await parkedOf('421'), await parkedOf('550')]
  await page.getByRole('searchbox', { name: 'Error contains' }).fill('421')
  await page.getByRole('button', { name: `Skip matching (${busy.length})` }).click()
  const dialog = page.getByRole('dialog')
  const skip = dialog.getByRole('button', { name: /^Skip/ })
  expect(await skip.isDisabled()).toBe(true)
  await dialog.getByRole('textbox').fill('mail')
  expect(await skip.isDisabled()).toBe(true)
  await dialog.getByRole('textbox').fill(mailerName)
  await skip.click()
  await page.getByText(`Skipped: ${busy.length} events.`).waitFor()
  expect(await parkedOf('421')).toEqual([])
  expect(await parkedOf('550')).toHaveLength(closed.length)
})

it('retries the chosen parked events', async () => {
  const { page } = watched
  await watched.show(`#/parked?subscription=${mailerName}`)
  const before = await parkedOf('')
  const boxes = page.getByRole('checkbox', { name: /^Choose .* at position/ })
  for (const index of [0, 1]) await boxes.nth(index).check()
  shop.workers.mailer.isRepaired = true
  await page.getByRole('button', { name: 'Retry 2 chosen' }).click()
  await expect.poll(async () => (await parkedOf('')).length, { timeout: 15_000 }).toBe(before.length - 2)
  shop.workers.mailer.isRepaired = false
  await expect.poll(() => boxes.count(), { timeout: 15_000 }).toBe(before.length - 2)
})

it('pauses a subscription and resumes it, and says who did so', async () => {
  const { page } = watched
  await watched.show(`#/subscription?name=${mailerName}`)
  await page.getByRole('button', { name: 'Pause' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click()
  await page.getByText('paused', { exact: true }).first().waitFor()
  expect(await shop.store.subscriptions.get(mailerName)).toMatchObject({ state: 'paused' })
  await page.getByRole('button', { name: 'Resume' }).click()
  await page.getByText('active', { exact: true }).first().waitFor()
  await watched.show('#/audit')
  await page
    .getByRole('row', { name: /subscriptions\.pause/ })
    .getByRole('link', { name: mailerName })
    .waitFor()
  await page
    .getByRole('row', { name: /parked\.skip/ })
    .first()
    .waitFor()
})

it('shows the events that an order has caused, as a graph and as a list', async () => {
  const { page } = watched
  const { events } = await shop.store.readStream('order-1031')
  const [placed] = events
  await watched.show(`#/trace?correlation=checkout-1031&around=${placed?.position}`)
  const graph = page.getByRole('region', { name: 'Graph of causes and effects' })
  await graph.getByRole('link', { name: /^OrderPlaced, version 1 of order-1031/ }).waitFor()
  await graph.getByRole('link', { name: /^PaymentRequested, version 1 of payment-1031/ }).click()
  await page.getByRole('heading', { name: 'PaymentRequested', level: 1 }).waitFor()
})

it('answers with the code of an error, although the configuration file loads its own copy of the library', async () => {
  const answer = await fetch(new URL('api/subscriptions/pause', shop.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'nobody' }),
  })
  expect([answer.status, await answer.json()]).toMatchObject([404, { code: 'unknown-subscription' }])
})

it('offers no action that works when it is read-only', { timeout: 300_000 }, async () => {
  const readOnly = await shop.start('--read-only')
  const own = await watchedPage(browser, readOnly.url)
  // One of the screens is of a stream that does not exist.
  own.expects(/404/)
  try {
    for (const { name, address } of screens(shop.positions)) {
      await own.show(address)
      const buttons = await own.page.getByRole('main').getByRole('button').all()
      for (const button of buttons) {
        const label = (await button.getAttribute('aria-label')) ?? (await button.textContent()) ?? ''
        // The tail stands still while it is paused, which changes nothing in the store.
        if (!acting.test(label.trim()) || name === 'tail') continue
        expect([name, label, await button.isDisabled()]).toEqual([name, label, true])
      }
    }
    await settled(own.page)
    const answer = await fetch(new URL('api/subscriptions/pause', readOnly.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: mailerName }),
    })
    expect(answer.status).toBe(403)
    expect(own.complaints).toEqual([])
  } finally {
    await own.close()
    await readOnly.stop()
  }
})

const acting = /^(Pause|Resume|Move|Repartition|Remove|Retry|Skip|Rebuild|Verify|Drop|Cancel)/
