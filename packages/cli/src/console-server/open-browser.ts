/** Opens a page in the browser of the person at this machine. */
import { spawn } from 'node:child_process'
import { platform } from 'node:process'

const programs: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
}

/** Returns at once. Without a browser, `tell` gets a message. */
export function openBrowser(url: string, tell: (message: string) => void): void {
  const [program, ...words] = programs[platform] ?? ['xdg-open']
  const child = spawn(program, [...words, url], { stdio: 'ignore', detached: true })
  child.on('error', () => tell('No browser could be opened. Open the address yourself.'))
  child.unref()
}
