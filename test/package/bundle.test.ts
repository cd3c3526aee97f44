/**
 * Bundles the built library for Node where only one driver is installed, as a user's build does. The fault: a bundler
 * stops at the import of a driver that is not installed, although no code of the user needs it.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type BuildOptions, build } from 'esbuild'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { createDatabase } from '../database.ts'
import { isMissing, startEmulator } from '../emulators/start.ts'
import { type TemporaryFolder, temporaryFolder } from '../temporary-folder.ts'

const run = promisify(execFile)
const repository = fileURLToPath(new URL('../..', import.meta.url))
const drivers = ['pg', 'postgres', '@electric-sql/pglite', '@aws-sdk/client-dynamodb'] as const
type Driver = (typeof drivers)[number]

let folder: TemporaryFolder
let bundles = 0

beforeAll(async () => {
  folder = temporaryFolder('bundles')
  await run(
    process.execPath,
    ['node_modules/typescript/bin/tsc', '--outDir', join(folder.path, 'built', 'dist')],
    {
      cwd: repository,
    },
  )
  cpSync(join(repository, 'package.json'), join(folder.path, 'built', 'package.json'))
}, 120_000)

afterAll(() => folder.remove())

/** Bundles a program in a project with these drivers. Returns the folder of the bundle, from which no driver is seen. */
async function bundle(
  installed: readonly Driver[],
  program: string,
  options: BuildOptions = {},
): Promise<string> {
  bundles++
  const project = join(folder.path, `project-${bundles}`)
  const output = join(folder.path, `bundle-${bundles}`)
  const modules = join(project, 'node_modules')
  cpSync(join(folder.path, 'built'), join(modules, '@eventsourced/core'), { recursive: true })
  for (const driver of installed) {
    mkdirSync(dirname(join(modules, driver)), { recursive: true })
    symlinkSync(join(repository, 'node_modules', driver), join(modules, driver))
  }
  writeFileSync(join(project, 'program.mjs'), program)
  const { errors } = await build({
    absWorkingDir: project,
    entryPoints: ['program.mjs'],
    outfile: join(output, options.format === 'esm' ? 'bundle.mjs' : 'bundle.cjs'),
    bundle: true,
    platform: 'node',
    logLevel: 'silent',
    ...options,
  })
  expect(errors).toEqual([])
  return output
}

/** Runs the bundle, and returns what it prints. */
async function outputOf(output: string, file: string, ...words: readonly string[]): Promise<string> {
  const { stdout } = await run(
    process.execPath,
    ['--disable-warning=fsync-off', join(output, file), ...words],
    {
      cwd: output,
    },
  )
  return stdout.trim()
}

/** The end of a program that has opened `store`. */
const useStore = `
  await store.append('a', [{ type: 'T', data: { n: 1 } }])
  console.log((await store.readStream('a')).version)
  await store.close()`

const postgresImport = `import { postgresStore } from '@eventsourced/core/postgres'`
const main = (body: string) => `async function main() {${body}}\nmain()`

const programs: Readonly<Record<Driver, string>> = {
  pg: `${postgresImport}\n${main(`const store = postgresStore(process.argv[2])${useStore}`)}`,
  postgres: `${postgresImport}\nimport postgres from 'postgres'
    ${main(`const sql = postgres(process.argv[2])\nconst store = postgresStore(sql)${useStore}\nawait sql.end()`)}`,
  '@electric-sql/pglite': `${postgresImport}\n${main(`const store = postgresStore('pglite:memory')${useStore}`)}`,
  '@aws-sdk/client-dynamodb': `import { dynamodbStore } from '@eventsourced/core/dynamodb'
    ${main(`const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
    const store = dynamodbStore({ endpoint: process.argv[2], region: 'eu-west-1', credentials })${useStore}`)}`,
}

it.each(['pg', 'postgres'] as const)('a bundle with %s alone works', async (driver) => {
  const output = await bundle([driver], programs[driver])
  const { url, drop } = await createDatabase(inject('servers').postgres)
  try {
    expect(await outputOf(output, 'bundle.cjs', url)).toBe('1')
  } finally {
    await drop()
  }
})

it('a bundle with @electric-sql/pglite alone works beside its data files', { timeout: 180_000 }, async () => {
  const driver = '@electric-sql/pglite'
  // PGlite reads its files from the folder of its own code, so they belong beside a bundle.
  const output = await bundle([driver], programs[driver], { format: 'esm' })
  const files = join(repository, 'node_modules', driver, 'dist')
  for (const file of ['pglite.data', 'pglite.wasm', 'initdb.wasm'])
    cpSync(join(files, file), join(output, file))
  expect(await outputOf(output, 'bundle.mjs')).toBe('1')
})

it('a bundle with @aws-sdk/client-dynamodb alone works', async ({ skip }) => {
  const missing = isMissing('dynoxide')
  if (missing !== undefined) skip(`dynoxide does not run here: ${missing}`)
  const driver = '@aws-sdk/client-dynamodb'
  const output = await bundle([driver], programs[driver])
  const emulator = await startEmulator('dynoxide')
  try {
    expect(await outputOf(output, 'bundle.cjs', emulator.endpoint)).toBe('1')
  } finally {
    await emulator.stop()
  }
})

it.each(['cjs', 'esm'] as const)(
  'a bundle without drivers (%s) works in memory, and names what is missing',
  async (format) => {
    const program = `
    import { memoryStore } from '@eventsourced/core'
    import { dynamodbStore } from '@eventsourced/core/dynamodb'
    ${postgresImport}
    ${main(`
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
    for (const store of [
      postgresStore('postgres://localhost/none'),
      postgresStore('pglite:memory'),
      dynamodbStore({ endpoint: 'http://localhost:1', region: 'eu-west-1', credentials }),
    ]) await store.readStream('a').catch(({ code, driver }) => console.log(code, driver))
    const store = memoryStore()${useStore}`)}`
    const output = await bundle([], program, { format })
    const lines = [
      'missing-driver pg',
      'missing-driver @electric-sql/pglite',
      'missing-driver @aws-sdk/client-dynamodb',
      '1',
    ]
    expect(await outputOf(output, format === 'esm' ? 'bundle.mjs' : 'bundle.cjs')).toBe(lines.join('\n'))
  },
)
