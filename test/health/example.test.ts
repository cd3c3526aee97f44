/** The example of the page about health runs, and prints what the page says. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

it('the example prints what docs/health.md shows', async () => {
  const words = ['--conditions=@eventsourced/source', '--import', 'tsx', 'examples/health.ts']
  const { stdout } = await promisify(execFile)('node', words)
  const printed = /It prints:\n\n```\n(.*?)```/s.exec(readFileSync('docs/health.md', 'utf8'))?.[1]
  expect(stdout).toBe(printed)
})
