/** Bridge to TypeORM. */
import { refuse } from '../storage/index.ts'
import type { Row, Session } from './client.ts'
import { TransactionEnded } from './ended-transaction.ts'

/** The part of a TypeORM `QueryRunner` that the bridge uses. */
export interface TypeOrmQueryRunner {
  readonly isTransactionActive: boolean
  // biome-ignore lint/suspicious/noExplicitAny: TypeORM declares its parameters so
  query(query: string, parameters: any[], useStructuredResult: true): Promise<{ records: unknown[] }>
}

/** The part of a TypeORM `EntityManager` that the bridge uses. */
export interface TypeOrmEntityManager {
  readonly queryRunner?: TypeOrmQueryRunner | undefined
}

const remedy =
  'must be in an open transaction of TypeORM: pass the EntityManager that the callback of `dataSource.transaction` receives, or a QueryRunner after `startTransaction()` and before its commit or rollback'

/**
 * Makes a session of a TypeORM transaction, for `store.inTransaction`. Takes the EntityManager or the QueryRunner of the
 * transaction.
 * @throws InvalidInputError if it is a DataSource, or an EntityManager or a QueryRunner in no transaction
 */
export function fromTypeOrm(transaction: TypeOrmQueryRunner | TypeOrmEntityManager): Session {
  const runner =
    (transaction as TypeOrmEntityManager | null)?.queryRunner ?? (transaction as TypeOrmQueryRunner)
  if (runner?.isTransactionActive !== true) refuse('transaction', remedy, transaction)

  async function query(text: string, values: readonly unknown[]): Promise<Row[]> {
    if (!runner.isTransactionActive) throw new TransactionEnded()
    // Without the third argument, an update and a delete return their rows in another shape.
    const result = await runner.query(text, [...values], true).catch(rethrowDriverError)
    return result.records as Row[]
  }
  return { run: ({ text }, parameters) => query(text, parameters), query, client: transaction }
}

/** Rethrows the driver's error. TypeORM wraps it in a `QueryFailedError`, which also carries all parameters. */
function rethrowDriverError(error: unknown): never {
  throw (error as { driverError?: unknown } | undefined)?.driverError ?? error
}
