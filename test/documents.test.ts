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

it.each(['docs/changing-events.md', 'docs/events.md', 'docs/snapshots.md'])(
  'the code of %s runs, and prints what the page says',
  async (page) => {
    const modules = modulesOf(page)
    const said = modules.flatMap(saidIn)
    expect(said.length).toBeGreaterThan(0)
    expect(await printedBy(modules)).toEqual(said)
  },
)

it.each([
  'docs/testing.md',
  'docs/events-check.md',
  'docs/observability.md',
  'docs/http.md',
  'docs/health.md',
])('the code of %s runs', async (page) => {
  for (const code of modulesOf(page)) await printedBy([code])
})

/** Returns the modules of a page. A block that begins with an import begins a new module. */
function modulesOf(page: string): readonly string[] {
  const modules: string[] = []
  for (const [, block = ''] of readFileSync(page, 'utf8').matchAll(/```ts\n(.*?)```/gs)) {
    if (block.startsWith('import ')) modules.push(block)
    else modules.push(`${modules.pop() ?? ''}\n${block}`)
  }
  return modules
}

/** Returns the lines that the code prints, as its comments say: behind `console.log`, or on the lines below it. */
function saidIn(code: string): readonly string[] {
  const said = code.matchAll(/console\.log\(.*\),?(?: *\/\/ (.*)$|((?:\n *\/\/ .*$)+))/gm)
  return [...said].flatMap(([, behind, below = '']) =>
    behind === undefined ? [...below.matchAll(/\/\/ (.*)$/gm)].map(([, line = '']) => line) : [behind],
  )
}

/** Runs modules one after the other in one process, which must print no error, and returns the lines that they print. */
async function printedBy(modules: readonly string[]): Promise<readonly string[]> {
  // Within the package, so that the imports find it.
  const files = modules.map(() => `test/${randomUUID()}.page.ts`)
  try {
    for (const [index, code] of modules.entries()) writeFileSync(files[index] as string, code)
    const imports = files.map((file) => `await import('./${file}')`).join('\n')
    const words = ['--conditions=@eventsourced/source', '--import', 'tsx', ...quietly]
    const { stdout, stderr } = await promisify(execFile)('node', [
      ...words,
      '--input-type=module',
      '-e',
      imports,
    ])
    expect(stderr).toBe('')
    return stdout.split('\n').filter((line) => line !== '')
  } finally {
    for (const file of files) rmSync(file, { force: true })
  }
}

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
