/** The statements of one store: the compiled SQL with its schema filled in, and a name for each text. */
import { createHash } from 'node:crypto'
import type { Statement } from './client.ts'
import * as sql from './sql.generated.ts'

export type Statements = ReturnType<typeof statementsOf>

/** Fills in the name of the schema, which `checkSchemaName` has found to need no quotes. */
export function inSchema(text: string, schema: string): string {
  return text.replaceAll(':schema', schema)
}

/** Names a text. The same name must never stand for two texts on one connection, so it holds a hash of the text. */
export function statementOf(name: string, text: string): Statement {
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { name: `eventsourced_${name}_${hash}`, text }
}

/** One for each file in `sql/queries`. */
type QueryName = Exclude<keyof typeof sql, 'migrations' | 'routines'>

export function statementsOf(schema: string): { readonly [Name in QueryName]: Statement } {
  const { migrations: _migrations, routines: _routines, ...queries } = sql
  const statements = Object.entries(queries).map(([name, template]) => [
    name,
    statementOf(snakeCase(name), inSchema(template, schema)),
  ])
  return Object.fromEntries(statements)
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
