/**
 * Recognizes an object of an ORM that the caller passed without its bridge. Some of these objects have a method `query`,
 * as a client of `pg` has, and would fail later, with an error that does not name the mistake.
 */
import { refuse } from '../storage/index.ts'

/** For each bridge, methods and properties that only objects of its ORM have. An object belongs to the first match. */
const marks = {
  'fromPrisma(tx)': ['$queryRawUnsafe'],
  'fromMikroOrm(em)': ['getTransactionContext'],
  'fromTypeOrm(manager)': ['createQueryBuilder', 'isTransactionActive'],
  'fromKnex(trx)': ['raw', 'isCompleted'],
  'fromKysely(trx)': ['executeQuery'],
  'fromDrizzle(tx, sql)': ['execute'],
} as const

function bridgeOf(value: unknown): string | undefined {
  if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) return undefined
  const members = value as Readonly<Record<string, unknown>>
  return Object.entries(marks).find(([, names]) => names.some((name) => members[name] !== undefined))?.[0]
}

/** @throws InvalidInputError if the transaction needs a bridge */
export function checkNeedsNoBridge(transaction: unknown): void {
  const bridge = bridgeOf(transaction)
  if (bridge === undefined) return
  refuse(
    'transaction',
    `must be the result of a bridge: call \`store.inTransaction(${bridge})\` with the transaction`,
    transaction,
  )
}

/** @throws InvalidInputError if the connection is an object of an ORM */
export function checkNoOrm(connection: unknown): void {
  const bridge = bridgeOf(connection)
  if (bridge === undefined) return
  const problem = `must not be an object of an ORM: pass the URL of its database. To append in a transaction of the ORM, call \`store.inTransaction(${bridge})\``
  refuse('connection', problem, connection)
}
