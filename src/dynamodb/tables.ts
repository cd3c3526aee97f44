/** Creates the tables, and checks that they are as they must be. */
import { SchemaMismatchError, StoreUnavailableError, sleep } from '../storage/index.ts'
import { type Item, number, numberOf } from './attributes.ts'
import type { Connection } from './connection.ts'
import { counterKey, eraKey, type Key, metaKey, type Tables } from './keys.ts'

/** The layout of items that this version of the library reads and writes. */
export const format = 3

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

const keySchema = [
  { AttributeName: 'p', KeyType: 'HASH' },
  { AttributeName: 's', KeyType: 'RANGE' },
]

export const tableDefinition: object = {
  KeySchema: keySchema,
  AttributeDefinitions: keySchema.map(({ AttributeName }) => ({ AttributeName, AttributeType: 'S' })),
  BillingMode: 'PAY_PER_REQUEST',
}

/** The attribute of the log table by which DynamoDB deletes items. */
export const ttlAttribute = 'ttl'

// In milliseconds. AWS creates a table within seconds.
const longestWait = 120_000
const pollInterval = 250

/**
 * Creates the tables that are missing, and checks them. Many processes may call it at once.
 *
 * @throws SchemaMismatchError if the tables have another format, or are not as they must be
 */
export async function createTables(connection: Connection, tables: Tables): Promise<void> {
  const { log } = tables
  const described = await Promise.all(
    namesOf(tables).map(async (table) => {
      const existing = await describe(connection, table)
      if (existing !== undefined) return existing
      await connection
        .call({ doing: 'Creating a table', table, key: '' }, 'CreateTable', {
          TableName: table,
          ...tableDefinition,
        })
        .catch(unlessNamed('ResourceInUseException'))
      return untilActive(connection, table)
    }),
  )
  const ttls = await checkTables(connection, tables, described)
  if (ttls.log === undefined) await enableTtl(connection, log)
  // The log has one era, with one chain of slots: a later version of the library can end it, and begin another.
  await putIfMissing(connection, log, { ...eraKey, base: number(1), P: number(1) })
  await putIfMissing(connection, log, { ...counterKey, n: number(0), c: number(0) })
  await putIfMissing(connection, log, { ...metaKey, f: number(format) })
  await readFormat(connection, tables)
}

async function putIfMissing(connection: Connection, table: string, item: Item & Key): Promise<void> {
  const subject = { doing: 'Setting the tables up', table, key: item.p.S }
  const input = { Item: item, ConditionExpression: 'attribute_not_exists(p)' }
  await connection.write(subject, 'PutItem', input)
}

export const namesOf = ({ events, log }: Tables): readonly [string, string] => [events, log]

/**
 * Reads the format that is stored in the tables; 0 if there is none.
 *
 * @throws SchemaMismatchError if it is another one than this library's
 */
export async function readFormat(connection: Connection, { log }: Tables): Promise<number> {
  const item = await connection.get({ doing: 'Reading the format', table: log, key: metaKey.p.S }, metaKey)
  const found = numberOf(item, 'f') ?? 0
  if (found > format) {
    throw new SchemaMismatchError(
      `The tables of '${log}' have format ${found}, and this library knows format ${format}: update the library`,
    )
  }
  if (found > 0 && found < format) {
    throw new SchemaMismatchError(
      `The tables of '${log}' have format ${found}, of a version before the first release, whose subscriptions this library cannot read: create tables with another name, and import the events`,
    )
  }
  return found
}

export async function describe(connection: Connection, table: string): Promise<TableDescription | undefined> {
  const subject = { doing: 'Looking at a table', table, key: '' }
  const output = await connection
    .call<{ Table?: TableDescription }>(subject, 'DescribeTable', { TableName: table })
    .catch((error: unknown) => {
      if (error instanceof SchemaMismatchError) return undefined
      throw error
    })
  return output?.Table
}

async function untilActive(connection: Connection, table: string): Promise<TableDescription> {
  for (const end = performance.now() + longestWait; ; ) {
    const description = await describe(connection, table)
    if (description?.TableStatus === 'ACTIVE') return description
    if (performance.now() > end) {
      throw new StoreUnavailableError(
        'Creating a table',
        0,
        new Error(`table '${table}' does not become active`),
      )
    }
    await sleep(pollInterval)
  }
}

/**
 * Checks keys, indexes, regions and time to live. Returns the attribute of the log table by which DynamoDB
 * deletes items, if it has one.
 *
 * @throws SchemaMismatchError if a table is not as it must be
 */
export async function checkTables(
  connection: Connection,
  tables: Tables,
  described: readonly TableDescription[],
): Promise<{ readonly log: string | undefined }> {
  for (const [index, table] of namesOf(tables).entries()) {
    const { KeySchema = [], LocalSecondaryIndexes = [], MultiRegionConsistency } = described[index] ?? {}
    const keys = KeySchema.map(({ AttributeName, KeyType }) => `${AttributeName} ${KeyType}`).join(', ')
    if (keys !== 'p HASH, s RANGE') {
      throw new SchemaMismatchError(
        `Table '${table}' has the keys '${keys}', and not 'p HASH, s RANGE': it belongs to another program`,
      )
    }
    const [local] = LocalSecondaryIndexes
    if (local !== undefined) {
      throw new SchemaMismatchError(
        `Table '${table}' has the local index '${local.IndexName}', with which no stream can grow beyond 10 GB: create the table again without it`,
      )
    }
    if (MultiRegionConsistency === 'STRONG') {
      throw new SchemaMismatchError(
        `Table '${table}' is a global table with strong consistency between regions (MRSC), in which DynamoDB refuses transactions, and each append is one: create the table again with eventual consistency (MREC), or in one region`,
      )
    }
  }
  const [events, log] = await Promise.all(namesOf(tables).map((table) => ttlOf(connection, table)))
  if (events !== undefined) {
    throw new SchemaMismatchError(
      `Table '${tables.events}' deletes items by the attribute '${events}' (time to live): events would be lost. Turn it off`,
    )
  }
  if (log !== undefined && log !== ttlAttribute) {
    throw new SchemaMismatchError(
      `Table '${tables.log}' deletes items by the attribute '${log}' (time to live), and not by '${ttlAttribute}': turn it off, and call \`await store.schema.create()\``,
    )
  }
  return { log }
}

/** The attribute by which DynamoDB deletes a table's items (time to live); undefined if it deletes none. */
async function ttlOf(connection: Connection, table: string): Promise<string | undefined> {
  const subject = { doing: 'Looking at a table', table, key: '' }
  type Output = { TimeToLiveDescription?: { TimeToLiveStatus?: string; AttributeName?: string } }
  const { TimeToLiveDescription } = await connection.call<Output>(subject, 'DescribeTimeToLive', {
    TableName: table,
  })
  const { TimeToLiveStatus = 'DISABLED', AttributeName } = TimeToLiveDescription ?? {}
  return TimeToLiveStatus.startsWith('ENABL') ? AttributeName : undefined
}

async function enableTtl(connection: Connection, table: string): Promise<void> {
  await connection
    .call({ doing: 'Setting a time to live', table, key: '' }, 'UpdateTimeToLive', {
      TableName: table,
      TimeToLiveSpecification: { AttributeName: ttlAttribute, Enabled: true },
    })
    // DynamoDB refuses it if another process has just enabled it.
    .catch(unlessNamed('ValidationException'))
}

/** Ignores a refusal with this name, which says that another process has done the same already. */
function unlessNamed(name: string): (error: unknown) => void {
  return (error) => {
    if (refusedAs(error) !== name) throw error
  }
}

/** The AWS name of the error with which DynamoDB refused a request; undefined if it did not. */
export function refusedAs(error: unknown): string | undefined {
  const failure = error instanceof Error && error.cause instanceof Error ? error.cause.cause : undefined
  return failure instanceof Error ? failure.name : undefined
}
