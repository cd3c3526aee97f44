/** Runs the code of the documents: the README shows the quickstart file itself, every example runs, every link works. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, inject, it } from 'vitest'
import { quietly } from './child-program.ts'
import { createDatabase } from './database.ts'

const examples = readdirSync('examples').filter((file) => file.endsWith('.ts'))

it('the quickstart in the README is examples/quickstart.ts, of at most 25 lines', () => {
  const quickstart = readFileSync('examples/quickstart.ts', 'utf8')
  expect(readFileSync('README.md', 'utf8')).toContain(`\`\`\`ts\n${quickstart}\`\`\``)
  expect(quickstart.trimEnd().split('\n').length).toBeLessThanOrEqual(25)
})

const documents = readdirSync('docs').filter((file) => file.endsWith('.md'))

it.each(['README.md', 'CONTRIBUTING.md', ...documents.map((file) => `docs/${file}`)])(
  '%s has no broken link to a file',
  (file) => {
    const folder = file.includes('/') ? 'docs/' : ''
    for (const [, target] of readFileSync(file, 'utf8').matchAll(/\]\(([^)#]+)\)/g)) {
      if (target?.includes('://')) continue
      expect(() => readFileSync(`${folder}${target}`), `${file} links to ${target}`).not.toThrow(/ENOENT/)
    }
  },
)

it.each(examples)('examples/%s runs', async (example) => {
  const { url, drop } = await createDatabase(inject('servers').postgres)
  try {
    const words = ['--conditions=@eventsourced/source', '--import', 'tsx', ...quietly, `examples/${example}`]
    const { stdout, stderr } = await promisify(execFile)('node', words, {
      env: { ...process.env, DATABASE_URL: url },
    })
    expect(stderr).toBe('')
    expect(stdout).not.toBe('')
  } finally {
    await drop()
  }
})
