/**
 * Packs the library as `npm publish` would, and installs it into an empty project. There it imports and requires every
 * subpath, and type-checks a program, including the declarations of dependencies.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'consumer-'))
const run = (command: string, ...words: string[]) =>
  execFileSync(command, words, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

try {
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    encoding: 'utf8',
  })
  const [{ filename, size }] = JSON.parse(packed)
  const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
  const {
    typescript,
    pg,
    '@types/pg': pgTypes,
    '@types/node': nodeTypes,
    postgres,
    '@aws-sdk/client-dynamodb': dynamodb,
  } = manifest.devDependencies

  cpSync('test/package/consumer', folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }))
  const drivers = [
    `pg@${pg}`,
    `@types/pg@${pgTypes}`,
    `postgres@${postgres}`,
    `@aws-sdk/client-dynamodb@${dynamodb}`,
  ]
  const tools = [`typescript@${typescript}`, `@types/node@${nodeTypes}`]
  run('npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', `./${filename}`, ...drivers, ...tools)

  process.stdout.write(run('node', 'imports.mjs', JSON.stringify(subpaths(manifest.exports))))
  process.stdout.write(run('node', 'requires.cjs', JSON.stringify(subpaths(manifest.exports))))
  for (const resolution of ['node20', 'bundler']) {
    const module = resolution === 'bundler' ? 'esnext' : resolution
    run(
      'npx',
      'tsc',
      '-p',
      'tsconfig.json',
      '--module',
      module,
      '--moduleResolution',
      resolution.replace('node20', 'node16'),
    )
    console.log(`package: the consumer type-checks with module resolution ${resolution}`)
  }
  console.log(`package: ${filename}, ${Math.round(size / 1024)} kB packed`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function subpaths(exports: Record<string, unknown>): string[] {
  return Object.keys(exports).filter((path) => !path.endsWith('.json'))
}
