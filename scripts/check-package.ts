/**
 * Packs the library as `npm publish` would, and installs it into an empty project. There it imports and requires every
 * subpath, and type-checks a program with the newest and the oldest TypeScript that the library supports, including the
 * declarations of dependencies. It also checks that the links of the packed pages lead somewhere.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'

const oldestTypeScript = '5.4'

const folder = mkdtempSync(join(tmpdir(), 'consumer-'))
const run = (command: string, ...words: string[]) =>
  execFileSync(command, words, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

try {
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    encoding: 'utf8',
  })
  const [{ filename, size, files }] = JSON.parse(packed)
  const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
  const {
    typescript,
    pg,
    '@types/pg': pgTypes,
    '@types/node': nodeTypes,
    postgres,
    '@aws-sdk/client-dynamodb': dynamodb,
    '@opentelemetry/api': openTelemetry,
  } = manifest.devDependencies

  checkLinks(
    files.map(({ path }: { path: string }) => path),
    manifest.homepage.replace('#readme', ''),
  )

  cpSync('test/package/consumer', folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }))
  const drivers = [
    `pg@${pg}`,
    `@types/pg@${pgTypes}`,
    `postgres@${postgres}`,
    `@aws-sdk/client-dynamodb@${dynamodb}`,
    `@opentelemetry/api@${openTelemetry}`,
  ]
  const tools = [
    `typescript@${typescript}`,
    `typescript-oldest@npm:typescript@${oldestTypeScript}`,
    `@types/node@${nodeTypes}`,
  ]
  run('npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', `./${filename}`, ...drivers, ...tools)

  process.stdout.write(run('node', 'imports.mjs', JSON.stringify(subpaths(manifest.exports))))
  process.stdout.write(run('node', 'requires.cjs', JSON.stringify(subpaths(manifest.exports))))
  for (const resolution of ['node20', 'bundler']) {
    const module = resolution === 'bundler' ? 'esnext' : resolution
    run(
      'node',
      'node_modules/typescript/bin/tsc',
      '-p',
      'tsconfig.json',
      '--module',
      module,
      '--moduleResolution',
      resolution.replace('node20', 'node16'),
    )
    console.log(`package: the consumer type-checks with module resolution ${resolution}`)
  }
  checkOldestTypeScript()
  console.log(`package: ${filename}, ${Math.round(size / 1024)} kB packed`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** As an ES module, since it cannot be required before TypeScript 5.8. */
function checkOldestTypeScript(): void {
  cpSync(join(folder, 'use.ts'), join(folder, 'use.mts'))
  const tsc = 'node_modules/typescript-oldest/bin/tsc'
  const options = ['--strict', '--noEmit', '--target', 'es2022', '--types', 'node', '--module', 'node16']
  const { status, stdout, stderr } = spawnSync('node', [tsc, ...options, '--pretty', 'false', 'use.mts'], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (status !== 0 && stdout === '') throw new Error(`TypeScript ${oldestTypeScript} does not run: ${stderr}`)
  // pg's own declarations name a generic Buffer, which came with TypeScript 5.7.
  const errors = stdout
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('node_modules/pg-protocol/'))
  if (errors.length > 0)
    throw new Error(`The consumer fails with TypeScript ${oldestTypeScript}:\n${errors.join('\n')}`)
  console.log(`package: the consumer type-checks with TypeScript ${oldestTypeScript}`)
}

/** Links lead to a packed file, to a file of this repository by its full address, or elsewhere. */
function checkLinks(packed: readonly string[], repository: string): void {
  const isPacked = (path: string) => packed.some((one) => one === path || one.startsWith(`${path}/`))
  const pages = packed.filter((path) => path.endsWith('.md'))
  const broken: string[] = []
  for (const page of pages) {
    for (const link of linksOf(readFileSync(page, 'utf8'))) {
      const [address = ''] = link.split('#')
      const own = /^\/(?:blob|tree)\/main\/(.+)/.exec(
        address.startsWith(repository) ? address.slice(repository.length) : '',
      )
      const leads = /^[a-z]+:/.test(address)
        ? own?.[1] === undefined || existsSync(own[1])
        : address === '' || isPacked(posix.join(posix.dirname(page), address).replace(/\/$/, ''))
      if (!leads) broken.push(`${page}: ${link}`)
    }
  }
  if (broken.length > 0) throw new Error(`Links that lead nowhere in the package:\n${broken.join('\n')}`)
  console.log(`package: the links of ${pages.length} pages lead somewhere`)
}

/** Those in the text, `[text](link)`, and those below it, `[text]: link`. */
function linksOf(markdown: string): string[] {
  const text = markdown.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '')
  const links = text.matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: +(\S+)/gm)
  return [...links].map(([, inline, below]) => inline ?? below ?? '')
}

function subpaths(exports: Record<string, unknown>): string[] {
  return Object.keys(exports).filter((path) => !path.endsWith('.json'))
}
