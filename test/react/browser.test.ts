/** The hooks of `@eventsourced/react` in a real browser, beside a server that is killed and started again. */
import { join } from 'node:path'
import { postgresStore } from '@eventsourced/core/postgres'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { balances, closed, deposit } from '../../src/conformance/balances.ts'
import { startBrowser } from '../browser.ts'
import { type Program, startProgram } from '../child-program.ts'
import { createDatabase, type TestDatabase } from '../database.ts'
import { freePort } from '../free-port.ts'
import { temporaryFolder } from '../temporary-folder.ts'

let database: TestDatabase
let store: ReturnType<typeof postgresStore>
let browser: Browser
let port: number
let script: string
let server: Program

async function startServer(): Promise<void> {
  server = startProgram(new URL('./page-server.ts', import.meta.url), String(port), database.url, script)
  await server.said()
}

beforeAll(async () => {
  browser = await startBrowser()
  database = await createDatabase(inject('servers').postgres)
  store = postgresStore(database.url, { inline: [balances] })
  port = await freePort()
  script = join(temporaryFolder('browser').path, 'app.js')
  await build({
    entryPoints: [new URL('../../packages/react/test/app.ts', import.meta.url).pathname],
    outfile: script,
    bundle: true,
    format: 'esm',
    conditions: ['@eventsourced/source'],
    // The development build of React, in which StrictMode mounts each component twice.
    define: { 'process.env.NODE_ENV': '"development"' },
  })
  await store.append('s', [deposit('a', 1), deposit('b', 7)])
  await startServer()
}, 120_000)

afterAll(async () => {
  await browser?.close()
  await server?.kill()
  await store?.close()
  await database?.drop()
})

const shows = (page: Page, id: string, text: string) => page.waitForSelector(`#${id}:text-is("${text}")`)
const hasStatus = (page: Page, id: string, status: string) =>
  page.waitForSelector(`#${id}[data-status=${status}]`)

it('shows the present state, each change, and heals itself when its server was killed', {
  timeout: 120_000,
}, async () => {
  const page = await browser.newPage()
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(String(error)))
  await page.goto(`http://127.0.0.1:${port}/`)
  for (const id of ['one', 'other']) {
    await shows(page, id, '1')
    await hasStatus(page, id, 'live')
  }
  await shows(page, 'all', 'a 1, b 7')

  await store.append('s', [deposit('a', 2)])
  await shows(page, 'one', '3')
  await shows(page, 'other', '3')
  await shows(page, 'all', 'a 3, b 7')
  // Three components, two URLs, and StrictMode mounts each component twice.
  expect(await (await fetch(`http://127.0.0.1:${port}/connections`)).json()).toBe(2)

  for (const round of [1, 2]) {
    await server.kill()
    await hasStatus(page, 'one', 'connecting')
    // While there is no server, the page shows the last state.
    await shows(page, 'one', String(round + 2))
    await store.append('s', [deposit('a', 1), round === 1 ? closed('b') : deposit('c', 1)])
    await startServer()
    await shows(page, 'one', String(round + 3))
    await hasStatus(page, 'one', 'live')
    await shows(page, 'all', round === 1 ? 'a 4' : 'a 5, c 1')
  }

  await shows(page, 'refused', 'refused')
  await hasStatus(page, 'refused', 'failed')
  expect(problems).toEqual([])
})
