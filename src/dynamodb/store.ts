/** Opening an event store on DynamoDB. */
import {
  beginning,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkMilliseconds,
  checkText,
  type EventStore,
  eventStore,
  InlineProjections,
  type InputLimits,
  InvalidInputError,
  optionsOf,
  SchemaMismatchError,
  type StoreOptions,
} from '../storage/index.ts'
import { Connection, type DynamodbAddress, type DynamodbMetric, opener } from './connection.ts'
import { tablesOf } from './keys.ts'
import { type RepairResult, repairTables, type VerifyTablesResult, verifyTables } from './repair.ts'
import { dynamodbStorage } from './storage.ts'
import { createTables, format, readFormat, type TablesStatus, tablesStatus } from './tables.ts'
import { cloudFormation, type IamPolicy, iamPolicy, terraform } from './templates.ts'
import type { DynamodbTransaction } from './transaction.ts'

export interface DynamodbStoreOptions extends DynamodbAddress, InputLimits, StoreOptions {
  /** The tables are called `<table>_events` and `<table>_log`. @default 'eventsourced' */
  readonly table?: string | undefined
  /** Creates and checks the tables before the first use. @default true */
  readonly autoCreate?: boolean | undefined
  /** How often a request is retried when it fails with a transient error. @default 9 */
  readonly retries?: number | undefined
  /** Most appends that share a transaction, if called at the same time; 1: none. @default 98 */
  readonly maxBatch?: number | undefined
  /** How long readers of the log wait for a writer that took a place in it, in milliseconds. @default 2000 */
  readonly gapTimeout?: number | undefined
  /** Whether what is larger than 1 KB is compressed. @default true */
  readonly compress?: boolean | undefined
  /** Told of what happens on the way: retries, throttling, conflicts, sealed slots. */
  readonly onMetric?: ((metric: DynamodbMetric) => void) | undefined
}

export interface DynamodbStore extends EventStore<DynamodbTransaction> {
  readonly schema: {
    /** Creates the tables, if they are not there, and checks them. Safe to be called by many processes at once. */
    create(): Promise<TablesStatus>
    /** @throws SchemaMismatchError if the tables are newer than this library, or not as they must be. */
    status(): Promise<TablesStatus>
    /** A CloudFormation template of the tables, with deletion protection and point-in-time recovery. */
    cloudFormation(): string
    /** The same for Terraform. */
    terraform(): string
    /** What a process that appends, reads and subscribes must be allowed to do, and nothing more. */
    iamPolicy(options?: { readonly region?: string; readonly account?: string }): IamPolicy
    /** Tells whether commits and log agree, which they may not after both tables were restored. Reads both whole. */
    verify(): Promise<VerifyTablesResult>
    /** Makes them agree: nobody else may use the tables meanwhile. */
    repair(): Promise<RepairResult>
  }
}

/** An event store on DynamoDB: a client of AWS SDK version 3, or where it is. Connects when it is first used. */
export function dynamodbStore(options?: DynamodbStoreOptions): DynamodbStore {
  const { table = 'eventsourced', inline: projections = [] } = optionsOf(options, ['table', 'inline'])
  const {
    retries = 9,
    maxBatch = 98,
    gapTimeout = 2_000,
  } = optionsOf(options, ['retries', 'maxBatch', 'gapTimeout'])
  const {
    autoCreate = true,
    compress = true,
    onMetric,
  } = optionsOf(options, ['autoCreate', 'compress', 'onMetric'])
  const address = optionsOf<DynamodbAddress, keyof DynamodbAddress>(options, [
    'client',
    'endpoint',
    'region',
    'credentials',
  ])
  checkTableName(table)
  checkInteger(retries, 'retries', 0)
  checkInteger(maxBatch, 'maxBatch', 1)
  checkMilliseconds(gapTimeout, 'gapTimeout', 1)
  const tables = tablesOf(table)
  checkBoolean(autoCreate, 'autoCreate')
  checkBoolean(compress, 'compress')
  if (onMetric !== undefined) checkFunction(onMetric, 'onMetric')
  const inline = new InlineProjections(projections)
  const names = projections.map(({ name }) => name)
  const connection = new Connection(opener(address), { retries, onMetric }, prepare)
  const unprepared = connection.unprepared()

  async function prepare(): Promise<void> {
    const found = await readFormat(unprepared, tables).catch((error: unknown) => {
      if (!autoCreate || !(error instanceof SchemaMismatchError)) throw error
      return 0
    })
    if (found === format) return
    if (!autoCreate) {
      throw new SchemaMismatchError(
        `The tables '${tables.events}' and '${tables.log}' are not set up: call \`await store.schema.create()\` first`,
      )
    }
    await createTables(unprepared, tables)
  }

  return {
    ...eventStore<DynamodbTransaction>(
      dynamodbStorage(connection, tables, inline, names, { maxBatch, gapTimeout, compress }),
      options,
    ),
    schema: {
      create: () => createTables(unprepared, tables),
      status: () => tablesStatus(unprepared, tables),
      cloudFormation: () => cloudFormation(tables),
      terraform: () => terraform(tables),
      iamPolicy: (place) => {
        const { region, account } = optionsOf(place, ['region', 'account'])
        if (region !== undefined) checkText(region, 'region')
        if (account !== undefined) checkText(account, 'account')
        return iamPolicy(tables, {
          ...(region !== undefined && { region }),
          ...(account !== undefined && { account }),
        })
      },
      verify: () => verifyTables(connection, tables),
      repair: () => repairTables(connection, tables),
    },
  }
}

// As AWS has it, with room for what is added.
function checkTableName(table: string): void {
  if (typeof table === 'string' && /^[a-zA-Z0-9_.-]{1,240}$/.test(table)) return
  throw new InvalidInputError(
    'table',
    'must be 1 to 240 letters, digits, underscores, hyphens and dots',
    beginning(table),
  )
}
