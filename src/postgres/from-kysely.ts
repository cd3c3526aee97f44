/** Bridge to Kysely. Its transactions run compiled queries in the shape below. */
import { refuse } from '../storage/index.ts'
import type { Row, Session } from './client.ts'
import { TransactionEnded } from './ended-transaction.ts'

/** The part of a Kysely `Transaction` that the bridge uses. */
export interface KyselyTransaction {
  readonly isTransaction: true
  /** Only a transaction of `db.startTransaction()` has this and the next one. */
  readonly isCommitted?: boolean
  readonly isRolledBack?: boolean
  // biome-ignore lint/suspicious/noExplicitAny: Kysely's CompiledQuery has types of its own for its parts
  executeQuery(query: any): Promise<{ rows: unknown[] }>
}

/**
 * Makes a session of a Kysely transaction, for `store.inTransaction`.
 * @throws InvalidInputError if it is a Kysely instance that is no transaction, or if the transaction has ended
 */
export function fromKysely(transaction: KyselyTransaction): Session {
  if (transaction?.isTransaction !== true || hasEnded(transaction)) {
    const remedy =
      'must be an open transaction: pass the one that the callback of `db.transaction().execute` receives'
    refuse('transaction', remedy, transaction)
  }
  async function query(text: string, values: readonly unknown[]): Promise<Row[]> {
    if (hasEnded(transaction)) throw new TransactionEnded()
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

function hasEnded({ isCommitted, isRolledBack }: KyselyTransaction): boolean {
  return isCommitted === true || isRolledBack === true
}
