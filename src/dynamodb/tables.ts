/** The tables: making them, and telling whether they are as they must be. */
import { SchemaMismatchError, StoreUnavailableError, sleep } from '../storage/index.ts'
import { number, numberOf } from './attributes.ts'
import type { Connection } from './connection.ts'
import { metaKey, type Tables } from './keys.ts'

/** The layout of items that this version of the library reads and writes. */
export const format = 1

export interface TablesStatus {
  /** Whether both tables are there, in a format that this library knows. */
  readonly upToDate: boolean
  /** The format of the tables; 0: they are missing, or empty. */
  readonly format: number
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

// A table is there within seconds, or something is wrong.
const longestWait = 120_000
const poll = 250

/** Makes what is missing. Safe to be called by many processes at once. @throws SchemaMismatchError */
export async function createTables(connection: Connection, tables: Tables): Promise<TablesStatus> {
  const { log } = tables
  const described = await Promise.all(
    namesOf(tables).map(async (table) => {
      const there = await describe(connection, table)
      if (there !== undefined) return there
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
  await connection.write({ doing: 'Noting the format', table: log, key: metaKey.p.S }, 'PutItem', {
    Item: { ...metaKey, f: number(format) },
    ConditionExpression: 'attribute_not_exists(p)',
  })
  const found = await readFormat(connection, tables)
  return { upToDate: found === format, format: found, tables: namesOf(tables) }
}

/** @throws SchemaMismatchError if the tables are newer than this library, or not as they must be. */
export async function tablesStatus(connection: Connection, tables: Tables): Promise<TablesStatus> {
  const names = namesOf(tables)
  const described = await Promise.all(names.map((table) => describe(connection, table)))
  const there = described.filter((table) => table !== undefined)
  if (there.length < names.length) return { upToDate: false, format: 0, tables: names }
  await checkTables(connection, tables, there)
  const found = await readFormat(connection, tables)
  return { upToDate: found === format, format: found, tables: names }
}

const namesOf = ({ events, log }: Tables) => [events, log]

/** The format that is noted in the tables; 0: none. @throws SchemaMismatchError if it is a newer one */
export async function readFormat(connection: Connection, { log }: Tables): Promise<number> {
  const item = await connection.get({ doing: 'Reading the format', table: log, key: metaKey.p.S }, metaKey)
  const found = numberOf(item, 'f') ?? 0
  if (found > format) {
    throw new SchemaMismatchError(
      `The tables of '${log}' have format ${found}, and this library knows format ${format}: update the library`,
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
    await sleep(poll)
  }
}

/** Answers with the attributes by which items end. */
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
        `Table '${table}' has the keys '${keys}', and not 'p HASH, s RANGE': it is another's`,
      )
    }
    const [local] = LocalSecondaryIndexes
    if (local !== undefined) {
      throw new SchemaMismatchError(
        `Table '${table}' has the local index '${local.IndexName}', with which no stream can grow beyond 10 GB: make the table anew without it`,
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

/** The attribute by which a table's items end. */
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
    // Another process has just done so.
    .catch(unlessNamed('ValidationException'))
}

/** For what is refused because somebody else has done it. */
function unlessNamed(name: string): (error: unknown) => void {
  return (error) => {
    const failure = error instanceof Error && error.cause instanceof Error ? error.cause.cause : undefined
    if (!(failure instanceof Error) || failure.name !== name) throw error
  }
}
