/** Creates the tables, and checks that they are as they must be. */
import { SchemaMismatchError, sleep } from '../../storage/index.ts'
import { counterKey, eraKey, type Key, metaKey, type Tables } from '../keys.ts'
import { type Item, number, numberOf } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import { describe, isBeingCreated, type TableDescription, untilFound, untilUsable } from './table-state.ts'

/** The layout of items that this version of the library reads and writes. */
export const format = 3

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

/** The attribute of the log table by which DynamoDB deletes items. */
export const ttlAttribute = 'ttl'

// How long the time to live is set again after DynamoDB refused it, in milliseconds.
const longestTtlWait = 10_000
// How long after its tables were created another process may take to note the format, in milliseconds.
const longestNoting = 10_000
// DynamoDB refuses to set a time to live with these names while another process sets it, and when it is set.
const isBeingSet = new Set(['ValidationException', 'ResourceInUseException'])
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
      if ((await describe(connection, table)) === undefined) {
        await connection
          .call({ doing: 'Creating a table', table, key: '' }, 'CreateTable', {
            TableName: table,
            ...tableDefinition,
          })
          .catch(unlessNamed('ResourceInUseException'))
      }
      return untilUsable(connection, table)
    }),
  )
  checkKeys(tables, described)
  await Promise.all(namesOf(tables).map((table) => untilFound(connection, table)))
  const ttls = await checkTimesToLive(connection, tables)
  if (ttls.log === undefined) await enableTtl(connection, log)
  await putIfMissing(connection, log, firstEra)
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

/**
 * Reads the format like `readFormat`. If another process is creating the tables, waits until that process has noted the
 * format.
 */
export async function readFormatOnceCreated(connection: Connection, tables: Tables): Promise<number> {
  for (let end = 0; ; ) {
    const described = await Promise.all(namesOf(tables).map((table) => describe(connection, table)))
    const creating = described.findIndex((table) => table !== undefined && isBeingCreated(table))
    if (creating >= 0) {
      await untilUsable(connection, namesOf(tables)[creating] as string)
      end = performance.now() + longestNoting
      continue
    }
    if (end === 0 || performance.now() > end) return readFormat(connection, tables)
    const found = described.includes(undefined) ? 0 : await readFormat(connection, tables)
    if (found > 0) return found
    await sleep(pollInterval)
  }
}

/**
 * Checks keys, indexes, regions and time to live. Returns the attribute of the log table by which DynamoDB
 * deletes items, if it has one.
 *
 * @throws SchemaMismatchError if a table is not as it must be
 */
export function checkTables(
  connection: Connection,
  tables: Tables,
  described: readonly TableDescription[],
): Promise<{ readonly log: string | undefined }> {
  checkKeys(tables, described)
  return checkTimesToLive(connection, tables)
}

/** @throws SchemaMismatchError if a table has other keys, a local index, or strong consistency between regions */
function checkKeys(tables: Tables, described: readonly TableDescription[]): void {
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
}

/**
 * Checks that DynamoDB deletes no events. Returns the attribute of the log table by which it deletes items, if it has
 * one.
 *
 * @throws SchemaMismatchError if the events have a time to live
 */
async function checkTimesToLive(
  connection: Connection,
  tables: Tables,
): Promise<{ readonly log: string | undefined }> {
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

/** Sets the time to live of the log. Many processes may call it at once. */
async function enableTtl(connection: Connection, table: string): Promise<void> {
  for (const end = performance.now() + longestTtlWait; ; ) {
    try {
      await connection.call({ doing: 'Setting a time to live', table, key: '' }, 'UpdateTimeToLive', {
        TableName: table,
        TimeToLiveSpecification: { AttributeName: ttlAttribute, Enabled: true },
      })
      return
    } catch (error) {
      if (!isBeingSet.has(refusedAs(error) ?? '')) throw error
      if ((await ttlOf(connection, table)) !== undefined) return
      if (performance.now() > end) throw error
    }
    await sleep(pollInterval)
  }
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
