/**
 * Bridge to Knex, on Postgres. It uses the connection of the transaction itself: `trx.raw` would replace each `?` of a
 * query, also in an operator or a text, and would number a parameter that occurs twice as two.
 */
import { refuse } from '../storage/index.ts'
import type { Session } from './client.ts'
import { TransactionEnded } from './ended-transaction.ts'
import { fromPgClient } from './from-pg.ts'

/** The part of a Knex `Transaction` that the bridge uses. */
export interface KnexTransaction {
  isCompleted(): boolean
  // biome-ignore lint/suspicious/noExplicitAny: Knex declares its client so
  readonly client: any
}

const remedy =
  'must be an open transaction of Knex: pass the one that the callback of `knex.transaction` receives, or `await knex.transaction()`, before its commit or rollback'

/**
 * Makes a session of a Knex transaction, for `store.inTransaction`. The store's statements do not appear in Knex's
 * event `query`.
 * @throws InvalidInputError if it is a Knex instance that is no transaction, or if the transaction has ended
 */
export function fromKnex(transaction: KnexTransaction): Session {
  if (typeof transaction?.isCompleted !== 'function' || transaction.isCompleted()) {
    refuse('transaction', remedy, transaction)
  }
  // All statements of a transaction use one connection, which Knex returns here again and again.
  async function session(): Promise<Session> {
    if (transaction.isCompleted()) throw new TransactionEnded()
    return fromPgClient(await transaction.client.acquireConnection(), false)
  }
  return {
    run: async (statement, parameters) => (await session()).run(statement, parameters),
    query: async (text, values) => (await session()).query(text, values),
    client: transaction,
  }
}
