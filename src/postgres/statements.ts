/** The statements of one store: the compiled SQL with the name of its schema, and a name for each text. */
import { createHash } from 'node:crypto'
import type { Statement } from './client.ts'
import * as sql from './sql.generated.ts'

/** All statements of a store, by name: one for each file in `sql/queries`. */
export type Statements = ReturnType<typeof statementsOf>

/** Quotes the name of a schema. `checkSchemaName` has accepted it, so that it contains no quotes itself. */
export function quotedSchema(schema: string): string {
  return `"${schema}"`
}

/**
 * Replaces the tokens `:schema`, for the name as an identifier, and `:schema_name`, for the name inside a text. Both
 * may stand inside a literal or a function body, because `checkSchemaName` accepts no quotes, backslashes and dollar
 * signs.
 */
export function inSchema(text: string, schema: string): string {
  return text.replace(/:schema(_name)?\b/g, (_, isName) => (isName ? schema : quotedSchema(schema)))
}

/** Names a statement. The name contains a hash of the text: one connection must never use one name for two texts. */
export function statementOf(name: string, text: string): Statement {
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { name: `eventsourced_${name}_${hash}`, text }
}

type QueryName = Exclude<keyof typeof sql, 'migrations' | 'routines'>

/** Makes the statements of a store whose tables are in `schema`. */
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
