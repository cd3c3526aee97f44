/** When a screen of the console has read what it shows. */
import type { Page } from 'playwright-core'

const mostTime = 20_000

/** @throws Error if the screen still reads after 20 s */
export async function settled(page: Page): Promise<void> {
  await page.locator('main h1, main h2, main p').first().waitFor()
  const limit = performance.now() + mostTime
  while ((await page.locator('.loading, [aria-busy=true]').count()) > 0) {
    if (performance.now() > limit) throw new Error(`${page.url()} still reads after ${mostTime} ms`)
    await page.waitForTimeout(50)
  }
}
