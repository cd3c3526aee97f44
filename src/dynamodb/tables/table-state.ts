/**
 * Waits until tables can be used. DynamoDB creates a table over seconds, and refuses requests for it meanwhile:
 *
 *     missing ──▶ CREATING ──▶ ACTIVE ◀──▶ UPDATING      usable: ACTIVE and UPDATING
 *                                │
 *                                ▼
 *                             DELETING ──▶ missing
 */
import { SchemaMismatchError, StoreUnavailableError, sleep } from '../../storage/index.ts'
import { metaKey } from '../keys.ts'
import type { Connection } from '../requests/connection.ts'

/** What DynamoDB says about a table. */
export interface TableDescription {
  readonly TableStatus?: string
  readonly KeySchema?: readonly { readonly AttributeName?: string; readonly KeyType?: string }[]
  readonly LocalSecondaryIndexes?: readonly { readonly IndexName?: string }[]
  readonly DeletionProtectionEnabled?: boolean
  readonly TableClassSummary?: { readonly TableClass?: string }
  readonly StreamSpecification?: { readonly StreamEnabled?: boolean; readonly StreamViewType?: string }
  /** The consistency of a global table between its regions. */
  readonly MultiRegionConsistency?: string
  readonly Replicas?: readonly { readonly RegionName?: string }[]
}

// In milliseconds. AWS creates a table within seconds.
const longestWait = 120_000
const pollInterval = 250

const usableStates = new Set(['ACTIVE', 'UPDATING'])

/** Describes a table; undefined if it is missing. */
export async function describe(connection: Connection, table: string): Promise<TableDescription | undefined> {
  const subject = { doing: 'Looking at a table', table, key: '' }
  const output = await unlessMissing(
    connection.call<{ Table?: TableDescription }>(subject, 'DescribeTable', { TableName: table }),
  )
  return output?.Table
}

export const isUsable = ({ TableStatus = '' }: TableDescription): boolean => usableStates.has(TableStatus)

export const isBeingCreated = ({ TableStatus }: TableDescription): boolean => TableStatus === 'CREATING'

/**
 * Waits until a table that exists, or that is being created, can be used. Returns its description.
 *
 * @throws SchemaMismatchError if the table is being deleted, or is in another state that does not pass
 * @throws StoreUnavailableError if the table cannot be used within two minutes
 */
export async function untilUsable(connection: Connection, table: string): Promise<TableDescription> {
  return waitFor(table, async () => {
    const description = await describe(connection, table)
    // The first descriptions after a table was created may not find it.
    if (description === undefined || isBeingCreated(description)) return undefined
    if (!isUsable(description)) throw unusable(table, description)
    return description
  })
}

/**
 * Waits until requests find a table that is active. For some time after its creation, some servers of DynamoDB answer
 * that it is missing.
 *
 * @throws StoreUnavailableError if they do not find it within two minutes
 */
export async function untilFound(connection: Connection, table: string): Promise<void> {
  const subject = { doing: 'Looking at a table', table, key: metaKey.p.S }
  const input = { TableName: table, Key: metaKey, ConsistentRead: true }
  await waitFor(table, () => unlessMissing(connection.call<object>(subject, 'GetItem', input)))
}

/** Calls `look` until it returns a result. @throws StoreUnavailableError if that takes longer than two minutes */
async function waitFor<T>(table: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const end = performance.now() + longestWait; ; ) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > end) {
      const cause = new Error(
        `table '${table}' is still being created (its state is CREATING, or requests do not find it)`,
      )
      throw new StoreUnavailableError('Creating a table', 0, cause)
    }
    await sleep(pollInterval)
  }
}

function unusable(table: string, { TableStatus }: TableDescription): SchemaMismatchError {
  const remedy =
    TableStatus === 'DELETING'
      ? 'wait until it is deleted, then call `await store.schema.create()`'
      : 'make it active, then open the store again'
  return new SchemaMismatchError(`Table '${table}' cannot be used in its state ${TableStatus}: ${remedy}`)
}

/** Resolves with undefined if DynamoDB answers that the table is missing. */
async function unlessMissing<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request
  } catch (error) {
    if (error instanceof SchemaMismatchError) return undefined
    throw error
  }
}
