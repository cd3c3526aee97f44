/** Runs `promtool`, which the Debian package `prometheus` brings. */
import { execFileSync } from 'node:child_process'

export const hasPromtool: boolean = (() => {
  try {
    execFileSync('promtool', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

/** Returns what it prints. Throws with it if a check fails. */
export function promtool(words: readonly string[], input?: string): string {
  return execFileSync('promtool', words, { encoding: 'utf8', ...(input === undefined ? {} : { input }) })
}
