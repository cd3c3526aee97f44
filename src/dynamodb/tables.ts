/** Creates the tables, and checks that they are as they must be. */
import { SchemaMismatchError, StoreUnavailableError, sleep } from '../storage/index.ts'
import { type Item, number, numberOf } from './attributes.ts'
import type { Connection } from './connection.ts'
import { counterKey, eraKey, type Key, metaKey, type Tables } from './keys.ts'

/** The layout of items that this version of the library reads and writes. */
export const format = 3

/** The state of the two tables. */
export interface TablesStatus {
  /** Whether both tables exist, in the format of this library. */
  readonly upToDate: boolean
  /** The format of the tables; 0 if they are missing or were not set up. */
  readonly format: number
  /** The names of both tables. */
  readonly tables: readonly string[]
}

interface TableDescription {
  readonly TableStatus?: string
  readonly KeySchema?: readonly { readonly AttributeName?: string; readonly KeyType?: string }[]
  readonly LocalSecondaryIndexes?: readonly { readonly IndexName?: string }[]
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

/** The log has one era, with one chain of slots: a later version of the library can end it, and begin another. */
export const firstEra: Item & Key = { ...eraKey, base: number(1), P: number(1) }

// In milliseconds. AWS creates a table within seconds.
const longestWait = 120_000
const pollInterval = 250

/**
 * Creates the tables that are missing, and checks them. Many processes may call it at once.
 *
 * @throws SchemaMismatchError if the tables have another format, or are not as they must be
 */
export async function createTables(connection: Connection, tables: Tables): Promise<TablesStatus> {
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
  await putIfMissing(connection, log, firstEra)
  await putIfMissing(connection, log, { ...counterKey, n: number(0), c: number(0) })
  await putIfMissing(connection, log, { ...metaKey, f: number(format) })
  const found = await readFormat(connection, tables)
  return { upToDate: found === format, format: found, tables: namesOf(tables) }
}

async function putIfMissing(connection: Connection, table: string, item: Item & Key): Promise<void> {
  const subject = { doing: 'Setting the tables up', table, key: item.p.S }
  const input = { Item: item, ConditionExpression: 'attribute_not_exists(p)' }
  await connection.write(subject, 'PutItem', input)
}

/**
 * Checks the tables.
 *
 * @throws SchemaMismatchError if they have another format, or are not as they must be
 */
export async function tablesStatus(connection: Connection, tables: Tables): Promise<TablesStatus> {
  const names = namesOf(tables)
  const described = await Promise.all(names.map((table) => describe(connection, table)))
  const existing = described.filter((table) => table !== undefined)
  if (existing.length < names.length) return { upToDate: false, format: 0, tables: names }
  await checkTables(connection, tables, existing)
  const found = await readFormat(connection, tables)
  return { upToDate: found === format, format: found, tables: names }
}

const namesOf = ({ events, log }: Tables) => [events, log]

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

async function describe(connection: Connection, table: string): Promise<TableDescription | undefined> {
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
 * Checks keys, indexes and time to live. Returns the attribute of the log table by which DynamoDB deletes
 * items, if it has one.
 *
 * @throws SchemaMismatchError if a table is not as it must be
 */
async function checkTables(
  connection: Connection,
  tables: Tables,
  described: readonly TableDescription[],
): Promise<{ readonly log: string | undefined }> {
  for (const [index, table] of namesOf(tables).entries()) {
    const { KeySchema = [], LocalSecondaryIndexes = [] } = described[index] ?? {}
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
  }
  const [events, log] = await Promise.all(namesOf(tables).map((table) => ttlOf(connection, table)))
  if (events !== undefined) {
    throw new SchemaMismatchError(
      `Table '${tables.events}' deletes items by the attribute '${events}' (time to live): events would be lost. Turn it off`,
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
      TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true },
    })
    // DynamoDB refuses it if another process has just enabled it.
    .catch(unlessNamed('ValidationException'))
}

/** Ignores a refusal with this name, which says that another process has done the same already. */
function unlessNamed(name: string): (error: unknown) => void {
  return (error) => {
    const failure = error instanceof Error && error.cause instanceof Error ? error.cause.cause : undefined
    if (!(failure instanceof Error) || failure.name !== name) throw error
  }
}
