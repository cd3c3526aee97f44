/** A page of the console in a browser, which records what the browser complains about. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Browser, Page } from 'playwright-core'
import { settled } from './settled.ts'

export interface WatchedPage {
  readonly page: Page
  /** Errors of scripts, messages of errors in the browser's console, and violations of the content security policy. */
  readonly complaints: readonly string[]
  /** From here on, complaints like this one are expected. */
  expects(complaint: RegExp): void
  /** Shows the screen at an address of the page, such as `#/streams`. */
  show(address: string): Promise<void>
  close(): Promise<void>
}

export interface WatchedPageOptions {
  readonly scheme?: 'light' | 'dark' | undefined
  readonly width?: number | undefined
  readonly height?: number | undefined
}

export async function watchedPage(
  browser: Browser,
  url: string,
  { scheme = 'light', width = 1_280, height = 800 }: WatchedPageOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme })
  const page = await context.newPage()
  const complaints: string[] = []
  const expected: RegExp[] = []
  const complain = (text: string) => {
    if (!expected.some((one) => one.test(text))) complaints.push(text)
  }
  page.on('pageerror', (error) => complain(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complain(message.text())
  })
  page.on('dialog', (dialog) => {
    complain(`a dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  return {
    page,
    complaints,
    expects: (complaint) => void expected.push(complaint),
    async show(address) {
      await page.goto(url + address)
      await settled(page)
    },
    close: () => context.close(),
  }
}

const axeFile = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

interface Violation {
  readonly id: string
  readonly help: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
}

/** Returns the rules of axe that the page breaks, each with the first elements that break it. */
export async function brokenRules(page: Page): Promise<readonly string[]> {
  await page.evaluate(await readFile(axeFile, 'utf8'))
  const violations = (await page.evaluate('axe.run().then(({ violations }) => violations)')) as Violation[]
  return violations.map(({ id, help, nodes }) => {
    const elements = nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`)
    return `${id}: ${help}: ${elements.join(' | ')}`
  })
}

/** By how many pixels the page is wider than its window. */
export async function overhang(page: Page): Promise<number> {
  return Number(
    await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
  )
}
