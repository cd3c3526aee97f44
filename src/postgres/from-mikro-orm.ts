/** Bridge to MikroORM: its transactions are those of Knex in version 6, and those of Kysely since version 7. */
import { refuse } from '../storage/index.ts'
import type { Session } from './client.ts'
import { fromKnex, type KnexTransaction } from './from-knex.ts'
import { fromKysely, type KyselyTransaction } from './from-kysely.ts'

/** The part of a MikroORM `EntityManager` that the bridge uses. */
export interface MikroOrmEntityManager {
  // biome-ignore lint/suspicious/noExplicitAny: MikroORM declares the transaction of its driver so
  getTransactionContext(): any
}

const remedy =
  'must be an EntityManager of MikroORM for Postgres, in an open transaction: pass the one that the callback of `em.transactional` receives, or `em` after `em.begin()` and before its commit or rollback'

/**
 * Makes a session of the transaction of a MikroORM EntityManager, for `store.inTransaction`. The store's statements do
 * not appear in MikroORM's log.
 * @throws InvalidInputError if the EntityManager is in no transaction
 */
export function fromMikroOrm(entityManager: MikroOrmEntityManager): Session {
  const isManager = typeof entityManager?.getTransactionContext === 'function'
  const context = isManager ? entityManager.getTransactionContext() : undefined
  if (context?.isTransaction !== true) refuse('transaction', remedy, entityManager)
  const session =
    'isCompleted' in context ? fromKnex(context as KnexTransaction) : fromKysely(context as KyselyTransaction)
  return { ...session, client: entityManager }
}
