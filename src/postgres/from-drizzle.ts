/**
 * Bridge to Drizzle. Its transactions run only queries that its own `sql` template makes, so the caller passes `sql`
 * too.
 */
import { refuse } from '../storage/index.ts'
import type { Row, Session } from './client.ts'

/** The part of a Drizzle Postgres transaction that the bridge uses. */
export interface DrizzleTransaction {
  // biome-ignore lint/suspicious/noExplicitAny: Drizzle's SQL is a class of its own, and results differ by driver
  execute(query: any): Promise<any>
  rollback(): never
}

/** The `sql` tag of `drizzle-orm`. */
export interface DrizzleSql {
  (strings: TemplateStringsArray, ...parameters: unknown[]): unknown
  param(value: unknown): unknown
}

/**
 * Makes a session of a Drizzle transaction, for `store.inTransaction`. `sql`: the tag of `drizzle-orm`.
 * @throws InvalidInputError if it is a Drizzle database and no transaction
 */
export function fromDrizzle(transaction: DrizzleTransaction, sql: DrizzleSql): Session {
  // Only a transaction can be rolled back.
  if (typeof transaction?.rollback !== 'function') {
    const remedy = 'must be a transaction: pass the one that the callback of `db.transaction` receives'
    refuse('transaction', remedy, transaction)
  }
  async function query(text: string, values: readonly unknown[]): Promise<Row[]> {
    const result = await transaction.execute(asTemplate(text, values, sql)).catch(rethrowCause)
    // Drizzle returns an array with postgres.js, and an object with `rows` with pg and PGlite.
    return (Array.isArray(result) ? result : (result as { rows: unknown[] }).rows) as Row[]
  }
  return { run: ({ text }, parameters) => query(text, parameters), query, client: transaction }
}

/** Rethrows the driver's error, which Drizzle wraps in its own. */
function rethrowCause(error: unknown): never {
  throw error instanceof Error && error.cause !== undefined ? error.cause : error
}

/** Splits `… $1 … $2 …` into the pieces that a template tag is called with. */
function asTemplate(text: string, parameters: readonly unknown[], sql: DrizzleSql): unknown {
  const pieces = text.split(/\$(\d+)/)
  const strings = pieces.filter((_, index) => index % 2 === 0)
  const numbers = pieces.filter((_, index) => index % 2 === 1)
  const template = Object.assign(strings, { raw: strings })
  // Without `param`, Drizzle makes a list of parameters of an array.
  return sql(template, ...numbers.map((number) => sql.param(parameters[Number(number) - 1])))
}
