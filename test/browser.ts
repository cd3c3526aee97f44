/** Starts the browser of this machine, for the tests of pages and for screenshots. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

/** @throws Error if there is no browser: it says how to get one */
export function startBrowser(): Promise<Browser> {
  const executablePath =
    process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync)
  if (executablePath === undefined)
    throw new Error('This needs a browser: apt-get install -y chromium, or name one in CHROMIUM')
  return chromium.launch({ executablePath, args: ['--no-sandbox'] })
}
