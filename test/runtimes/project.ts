/**
 * Packs the library as npm publishes it, and makes projects that have installed it. The drivers are those of this
 * repository.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { type TemporaryFolder, temporaryFolder } from '../temporary-folder.ts'

const run = promisify(execFile)
const repository = fileURLToPath(new URL('../..', import.meta.url))
const drivers = ['pg', 'postgres', '@electric-sql/pglite', '@aws-sdk/client-dynamodb']
const programs = ['story', 'mistakes', 'cut-off', 'missing-drivers']

export interface Project {
  /**
   * Returns the JavaScript file of a program of the folder `programs`. It imports the library and the drivers by name.
   * `keepsUsing`: whether it has `await using` as it was written, for runtimes that know this syntax.
   */
  file(program: string, keepsUsing?: boolean): string
  /** The same for a project that has no driver. */
  fileWithoutDrivers(program: string): string
  /** Bundles a Worker, a file of this repository, as Cloudflare's tool does, and returns the file of the bundle. */
  bundleWorker(file: string): Promise<string>
  remove(): void
}

export async function makeProject(): Promise<Project> {
  const folder = temporaryFolder('runtimes')
  await run('npm', ['pack', '--loglevel=error', '--pack-destination', folder.path], { cwd: repository })
  const whole = await makeFolder(folder, 'whole', drivers)
  const bare = await makeFolder(folder, 'bare', [])
  const built = { bundle: true, packages: 'external', format: 'esm', platform: 'node' } as const
  const entryPoints = programs.map((program) => join(repository, 'test/runtimes/programs', `${program}.ts`))
  await Promise.all([
    build({ ...built, entryPoints, target: 'es2023', outdir: join(whole, 'lowered') }),
    build({ ...built, entryPoints, target: 'esnext', outdir: join(whole, 'native') }),
    build({ ...built, entryPoints, target: 'es2023', outdir: join(bare, 'lowered') }),
  ])
  return {
    file: (program, keepsUsing = false) => join(whole, keepsUsing ? 'native' : 'lowered', `${program}.js`),
    fileWithoutDrivers: (program) => join(bare, 'lowered', `${program}.js`),
    async bundleWorker(file) {
      const outfile = join(whole, basename(file).replace('.ts', '.mjs'))
      await build({
        entryPoints: [join(repository, file)],
        outfile,
        bundle: true,
        format: 'esm',
        platform: 'browser',
        target: 'es2023',
        conditions: ['workerd', 'worker', 'browser'],
        // Not the library of this repository: the packed one.
        absWorkingDir: whole,
        plugins: [
          {
            name: 'packed library',
            setup: ({ onResolve, resolve }) =>
              void onResolve({ filter: /^@eventsourced\/core/ }, ({ path, resolveDir, kind }) =>
                resolveDir.startsWith(whole) ? undefined : resolve(path, { resolveDir: whole, kind }),
              ),
          },
        ],
        external: ['node:*', 'cloudflare:*', ...builtinModules],
        // The driver `pg` is CommonJS, and requires modules of Node.js.
        banner: {
          js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire('/');",
        },
        logLevel: 'silent',
      })
      return outfile
    },
    remove: () => folder.remove(),
  }
}

async function makeFolder(
  folder: TemporaryFolder,
  name: string,
  installed: readonly string[],
): Promise<string> {
  const project = join(folder.path, name)
  const library = join(project, 'node_modules/@eventsourced/core')
  mkdirSync(library, { recursive: true })
  const tarball = readdirSync(folder.path).find((file) => file.endsWith('.tgz')) ?? ''
  await run('tar', ['-xzf', join(folder.path, tarball), '-C', library, '--strip-components=1'])
  for (const driver of installed) {
    const link = join(project, 'node_modules', driver)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(repository, 'node_modules', driver), link)
  }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  return project
}
