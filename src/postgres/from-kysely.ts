/** Bridge to Kysely. Its transactions run compiled queries in the shape below. */
import type { Row, Session } from './client.ts'

/** The part of a Kysely `Transaction` that the bridge uses. */
export interface KyselyTransaction {
  // biome-ignore lint/suspicious/noExplicitAny: Kysely's CompiledQuery has types of its own for its parts
  executeQuery(query: any): Promise<{ rows: unknown[] }>
}

/** Makes a session of a Kysely transaction, for `store.inTransaction`. */
export function fromKysely(transaction: KyselyTransaction): Session {
  async function query(text: string, values: readonly unknown[]): Promise<Row[]> {
    const compiled = {
      sql: text,
      parameters: [...values],
      query: { kind: 'RawNode', sqlFragments: [text], parameters: [] },
      queryId: { queryId: crypto.randomUUID() },
    }
    return (await transaction.executeQuery(compiled)).rows as Row[]
  }
  return { run: ({ text }, parameters) => query(text, parameters), query, client: transaction }
}
