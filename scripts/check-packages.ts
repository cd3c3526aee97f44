/**
 * Packs each package of `packages/` as `npm publish` would, and installs it, together with the core, into an empty
 * project. There it imports every subpath, and asks every program for its version. If the package has a folder `test/consumer`, that is the project: this script
 * copies the package's folder `example` into `src`, and runs `npm test`. `npm run build` must have run.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const core = pack('.')
try {
  for (const name of readdirSync('packages')) check(join('packages', name))
} finally {
  rmSync(core.folder, { recursive: true, force: true })
}

function check(source: string): void {
  const { name, version, exports, bin = {}, peerDependencies = {} } = manifestOf(source)
  const { version: coreVersion } = manifestOf('.')
  if (version !== coreVersion) throw new Error(`${name} has the version ${version}, the core ${coreVersion}`)
  const { folder, file } = pack(source)
  try {
    run('.', 'npx', 'publint', '--strict', file)
    // A package of programs alone has no types to resolve.
    if (Object.keys(exports).length > 1) run('.', 'npx', 'attw', file, '--profile', 'esm-only', '--quiet')
    const consumer = join(source, 'test', 'consumer')
    if (existsSync(consumer)) cpSync(consumer, folder, { recursive: true })
    else writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
    const hasExample = existsSync(join(source, 'example'))
    if (hasExample) cpSync(join(source, 'example'), join(folder, 'src'), { recursive: true })
    const files = '@eventsourced/core' in peerDependencies ? [core.file, file] : [file]
    run(
      folder,
      'npm',
      'install',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
      '--no-package-lock',
      ...files,
    )
    for (const path of Object.keys(exports).filter((one) => !one.endsWith('.json'))) {
      const program = `console.log(Object.keys(await import(process.argv[1])).length)`
      const count = run(
        folder,
        'node',
        '--input-type=module',
        '-e',
        program,
        `${name}${path.slice(1)}`,
      ).trim()
      if (count === '0') throw new Error(`${name}${path.slice(1)} exports nothing`)
      console.log(`${name}: import ${path}: ${count} names`)
    }
    for (const program of Object.keys(bin)) {
      const printed = run(folder, 'npx', '--no-install', program, '--version').trim()
      if (printed !== version) throw new Error(`${program} --version prints ${printed}`)
      console.log(`${name}: ${program} --version: ${printed}`)
    }
    if (existsSync(consumer)) process.stdout.write(run(folder, 'npm', 'test', '--silent'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Packs a package into a new folder. */
function pack(source: string): { readonly folder: string; readonly file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'package-'))
  const packed = run(source, 'npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', folder)
  return { folder, file: join(folder, JSON.parse(packed)[0].filename) }
}

function manifestOf(folder: string) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

function run(folder: string, command: string, ...words: string[]): string {
  return execFileSync(command, words, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}
