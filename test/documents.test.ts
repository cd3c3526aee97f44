/** Runs the code of the documents: the README shows the quickstart file itself, every example runs, every link works. */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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

it('the code of docs/changing-events.md runs, and prints what the page says', async () => {
  const page = readFileSync('docs/changing-events.md', 'utf8')
  const code = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, block]) => block).join('\n')
  // Within the package, so that the imports find it.
  const file = `test/${randomUUID()}.page.ts`
  writeFileSync(file, code)
  try {
    const words = ['--conditions=@eventsourced/source', '--import', 'tsx', ...quietly, file]
    const { stdout } = await promisify(execFile)('node', words)
    const printed = [...code.matchAll(/^console\.log\(.*?\)\s+\/\/ (.*)$/gm)].map(([, line]) => line)
    expect(printed.length).toBeGreaterThan(0)
    expect(stdout.trimEnd().split('\n')).toEqual(printed)
  } finally {
    rmSync(file)
  }
})

it.each([
  'docs/testing.md',
  'docs/events-check.md',
  'docs/observability.md',
  'docs/http.md',
  'docs/health.md',
])('the code of %s runs', async (page) => {
  // A block that begins with an import begins a new module.
  const modules: string[] = []
  for (const [, block = ''] of readFileSync(page, 'utf8').matchAll(/```ts\n(.*?)```/gs)) {
    if (block.startsWith('import ')) modules.push(block)
    else modules.push(`${modules.pop() ?? ''}\n${block}`)
  }
  for (const code of modules) {
    const file = `test/${randomUUID()}.page.ts`
    writeFileSync(file, code)
    try {
      const words = ['--conditions=@eventsourced/source', '--import', 'tsx', ...quietly, file]
      const { stderr } = await promisify(execFile)('node', words)
      expect(stderr).toBe('')
    } finally {
      rmSync(file)
    }
  }
})

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
