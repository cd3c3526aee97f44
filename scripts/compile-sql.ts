/**
 * Compiles the SQL files into one TypeScript module, so that the library reads no file at run time. Fails if the SQL of
 * a released revision has changed.
 * With --check it writes nothing, and fails if the module is not up to date.
 * With --release it also records in `revision.json` that the present revision is released.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { revisionProblem, type SqlRevision } from './sql-revision.ts'

const folder = 'src/postgres/sql'
const revisionFile = join(folder, 'revision.json')
const target = 'src/postgres/sql.generated.ts'

function filesOf(subfolder: string): { name: string; text: string }[] {
  return readdirSync(join(folder, subfolder))
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => ({
      name: basename(file, '.sql'),
      text: readFileSync(join(folder, subfolder, file), 'utf8'),
    }))
}

const withoutComments = (sql: string) => sql.replace(/^\s*--.*\n/gm, '')

const fragments = filesOf('fragments').map(({ name, text }) => ({ name, text: withoutComments(text).trim() }))

/** Replaces the tokens of fragments by their texts. The library replaces the token :schema at run time. */
function compile(sql: string): string {
  return fragments.reduce((result, { name, text }) => result.replaceAll(`:${name}`, text), sql).trim()
}

/** Returns the name and the types of a function's parameters. They identify it beside others of the same name. */
function signatureOf(sql: string): string {
  const [, name, list] = /create or replace function :schema\.(\w+)\(([^)]*)\)/.exec(sql) ?? []
  if (name === undefined || list === undefined) throw new Error(`No function is created by:\n${sql}`)
  const parameters = list.split(',').map((parameter) => parameter.trim())
  const types = parameters.filter((parameter) => parameter !== '' && !parameter.startsWith('out '))
  return `${name}(${types.map((parameter) => parameter.replace(/^\w+ /, '')).join(', ')})`
}

const checksum = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 32)
const literal = (text: string) => `\`${text.replace(/[\\`$]/g, '\\$&')}\``
const camelCase = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

const migrationFiles = filesOf('migrations').map(({ name, text }) => ({ name, sql: compile(text) }))
const migrations = migrationFiles.map(({ name, sql }) => {
  return `  { number: ${Number(name.slice(0, 4))}, name: '${name}', checksum: '${checksum(sql)}', sql: ${literal(sql)} },`
})
const functions = filesOf('functions').map(({ text }) => signatureOf(compile(text)))
const views = filesOf('views')
const usesView = ({ name, text }: { name: string; text: string }) =>
  views.some((other) => other.name !== name && text.includes(`:schema.${other.name}`))
const routines = [
  ...filesOf('functions'),
  // Postgres creates a view only after the views that it uses.
  ...views.filter((view) => !usesView(view)),
  ...views.filter(usesView),
  ...filesOf('privileges'),
]
  .map(({ text }) =>
    compile(text).replace(
      ':own_functions',
      functions.map((signature) => `  :schema.${signature}`).join(',\n'),
    ),
  )
  .join('\n\n')
const queries = filesOf('queries').map(
  ({ name, text }) => `export const ${camelCase(name)} = ${literal(compile(withoutComments(text)))}`,
)

const sqlRevision: SqlRevision = JSON.parse(readFileSync(revisionFile, 'utf8'))
const { revision, servesFrom, released } = sqlRevision
const wholeChecksum = checksum([servesFrom, ...migrationFiles.map(({ sql }) => sql), routines].join('\n'))
const problem = revisionProblem(sqlRevision, wholeChecksum)
if (problem !== undefined) {
  console.error(`${revisionFile}: ${problem}`)
  process.exit(1)
}

const module = `// Made by scripts/compile-sql.ts of the files in sql/. Do not edit.

export const migrations: readonly {
  readonly number: number
  readonly name: string
  readonly checksum: string
  readonly sql: string
}[] = [
${migrations.join('\n')}
]

/** The functions, the views and their privileges. The store applies them again unless the database has newer ones. */
export const routines: {
  /** The number of this state of the tables, functions and views. */
  readonly revision: number
  /** The lowest revision of a library whose processes work on these tables and functions. */
  readonly servesFrom: number
  readonly checksum: string
  /** Each function's name and the types of its parameters. */
  readonly functions: readonly string[]
  readonly sql: string
} = {
  revision: ${revision},
  servesFrom: ${servesFrom},
  checksum: '${checksum(routines)}',
  functions: [
${functions.map((signature) => `    '${signature}',`).join('\n')}
  ],
  sql: ${literal(routines)},
}

${queries.map((query) => query.replace(' = `', ': string = `')).join('\n\n')}
`

if (process.argv.includes('--release')) {
  const recorded = { revision, servesFrom, released: { ...released, [revision]: wholeChecksum } }
  writeFileSync(revisionFile, `${JSON.stringify(recorded, null, 2)}\n`)
}
if (!process.argv.includes('--check')) {
  writeFileSync(target, module)
} else if (readFileSync(target, 'utf8') !== module) {
  console.error(`${target} is not what the files in ${folder} compile to: run npm run sql`)
  process.exit(1)
}
