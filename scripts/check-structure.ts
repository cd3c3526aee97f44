/** Checks rules of this repository that no linter knows: which files may import which, and how large a file may be. Needs git. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'

const adapters = ['memory', 'postgres', 'dynamodb']
const drawers = /^(utils?|helpers?|types|interfaces|common|misc)(\.|$)/
const mostLines: Readonly<Record<string, number>> = {
  'index.ts': 200,
  'store.ts': 300,
  'event.ts': 150,
  'memory/store.ts': 250,
}
const mostLinesElsewhere = 460
const mostFilesAtTheTop = 10
/** Of any file of the repository. */
const mostBytes = 1_000_000
/** The one module of the core that adapters may import. */
const storageDoor = 'storage/index.ts'

/** The sources of `packages/`, with the page of the console. */
const packageSources = /^packages\/[^/]+\/(src|page)\/.*\.(tsx?|css)$/

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const peers = Object.keys(manifest.peerDependencies)
const problems: string[] = []

if (Object.keys(manifest.dependencies ?? {}).length > 0)
  problems.push('package.json: the library has no dependencies')

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
for (const file of files) {
  const text = readFileSync(join('src', file), 'utf8')
  const generated = file.endsWith('.generated.ts')
  const lines = text.split('\n').length - 1
  const most = mostLines[file] ?? mostLinesElsewhere
  if (!generated && lines > most) problems.push(`${file}: has ${lines} lines, more than ${most}`)
  if (file.split('/').some((part) => drawers.test(part))) problems.push(`${file}: name it for what it does`)
  if (/^export \*/m.test(text)) problems.push(`${file}: export names, not *`)
  if (/setTypeParser/.test(text)) problems.push(`${file}: leave the driver's parsers alone`)

  for (const { specifier, dynamic } of importsOf(text)) {
    if (specifier.startsWith('.'))
      checkOwn(file, relative('src', normalize(join('src', dirname(file), specifier))))
    else if (!specifier.startsWith('node:') && !(dynamic && peers.includes(specifier))) {
      problems.push(
        `${file}: imports '${specifier}', which is neither of Node.js nor a peer imported when needed`,
      )
    }
  }
}

const atTheTop = files.filter((file) => !file.includes('/'))
if (atTheTop.length > mostFilesAtTheTop)
  problems.push(
    `${atTheTop.length} files stand directly in src, more than ${mostFilesAtTheTop}: give them a folder`,
  )

function importsOf(text: string): { specifier: string; dynamic: boolean }[] {
  const statics = [
    ...text.matchAll(
      /^(?:import|export)\s+(?:type\s+)?(?:\w+\s*,?\s*)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?)?\s*from\s+['"]([^'"]+)['"]/gm,
    ),
    ...text.matchAll(/^import ['"]([^'"]+)['"]/gm),
  ]
  const dynamics = [...text.matchAll(/\bimport\(\s*['"`]([^'"`]+)['"`]\s*\)/g)]
  return [
    ...statics.map((match) => ({ specifier: match[1] ?? '', dynamic: false })),
    ...dynamics.map((match) => ({ specifier: match[1] ?? '', dynamic: true })),
  ]
}

/**
 * The core imports no adapter, except that its index exports the store in memory. Adapters import the core only through
 * `storage/index.ts`.
 */
function checkOwn(file: string, target: string): void {
  const adapterOf = (path: string) => adapters.find((adapter) => path.startsWith(`${adapter}/`))
  const [own, other] = [adapterOf(file), adapterOf(target)]
  if (other !== undefined && other !== own && file !== 'index.ts')
    problems.push(`${file}: imports the adapter file ${target}`)
  if (own !== undefined && other === undefined && target !== storageDoor)
    problems.push(`${file}: imports ${target}; an adapter imports the core from ${storageDoor}`)
  if (own === undefined && target === storageDoor)
    problems.push(`${file}: imports ${target}, which is for adapters; import the file itself`)
}

// A read of `last_value` takes no lock and may return a value that is too high. The fragment is the one correct way.
for (const file of readdirSync('src/postgres/sql', { recursive: true, encoding: 'utf8' })) {
  if (!/^(functions|queries|views|migrations)\/.*\.sql$/.test(file)) continue
  if (/\blast_value\b/.test(readFileSync(join('src/postgres/sql', file), 'utf8')))
    problems.push(`sql/${file}: reads a sequence without its lock; write :last_given_position`)
}

// A test that leaves a database in the repository is seen here, before it is committed.
const tracked = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
})
for (const file of tracked.split('\0')) {
  const size = file === '' ? 0 : (statSync(file, { throwIfNoEntry: false })?.size ?? 0)
  if (size > mostBytes) problems.push(`${file}: has ${size} bytes, more than ${mostBytes}`)
  if (size > 0 && packageSources.test(file)) checkOfPackage(file)
}

/** The rules of `src` that hold in the other packages, too. */
function checkOfPackage(file: string): void {
  const lines = readFileSync(file, 'utf8').split('\n').length - 1
  if (lines > mostLinesElsewhere)
    problems.push(`${file}: has ${lines} lines, more than ${mostLinesElsewhere}`)
  if (file.split('/').some((part) => drawers.test(part))) problems.push(`${file}: name it for what it does`)
}

for (const problem of problems) console.error(problem)
console.log(`structure: ${files.length} files, ${problems.length} problems`)
process.exitCode = problems.length > 0 ? 1 : 0
