/** Opens an event store on DynamoDB. */
import {
  beginning,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkMilliseconds,
  checkText,
  type Event,
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
import type { RepairResult, TableCheckOptions, VerifyTablesResult } from './repair/problems.ts'
import { repairTables } from './repair/repair.ts'
import { verifyTables } from './repair/verify.ts'
import { dynamodbStorage } from './storage.ts'
import { createTables, format, readFormat, type TablesStatus, tablesStatus } from './tables.ts'
import { cloudFormation, type IamPolicy, iamPolicy, terraform } from './templates.ts'
import type { DynamodbTransaction } from './transaction.ts'

/** The options of `dynamodbStore`. */
export interface DynamodbStoreOptions<E extends Event = Event>
  extends DynamodbAddress,
    InputLimits,
    StoreOptions<E> {
  /** The prefix of the table names `<table>_events` and `<table>_log`. @default 'eventsourced' */
  readonly table?: string | undefined
  /** Whether the store creates and checks the tables before the first request. @default true */
  readonly autoCreate?: boolean | undefined
  /** Maximum number of retries of a request after transient errors; 0: no retry. @default 9 */
  readonly retries?: number | undefined
  /**
   * Maximum number of concurrent appends in one transaction. 1: each append has its own transaction.
   *
   * @default 98
   */
  readonly maxBatch?: number | undefined
  /**
   * An append takes a *slot*, a numbered place in the log, before it commits. After this time without a commit, in
   * milliseconds, a reader *seals* the slot: it stays empty, and the append takes another one.
   *
   * @default 2000
   */
  readonly gapTimeout?: number | undefined
  /** Whether the store compresses event bodies and document states above 1 KB. @default true */
  readonly compress?: boolean | undefined
  /**
   * Called for each failed attempt of a request (transient error), each sealed slot, and each append that found its
   * slot sealed. @default none
   */
  readonly onMetric?: ((metric: DynamodbMetric) => void) | undefined
}

/** An event store on DynamoDB. */
export interface DynamodbStore<E extends Event = Event> extends EventStore<E, DynamodbTransaction> {
  readonly schema: {
    /**
     * Creates the tables that are missing, and checks them. Many processes may call it at once.
     *
     * @throws SchemaMismatchError if the tables have another format, or are not as they must be
     */
    create(): Promise<TablesStatus>
    /**
     * Checks the tables, and changes nothing.
     *
     * @throws SchemaMismatchError if the tables have another format, or are not as they must be
     */
    status(): Promise<TablesStatus>
    /**
     * Returns a CloudFormation template of the tables as JSON, with deletion protection and point-in-time
     * recovery.
     */
    cloudFormation(): string
    /** Returns the same tables as a Terraform file. */
    terraform(): string
    /** Returns the IAM policy with exactly the rights of a process that appends, reads and subscribes. */
    iamPolicy(options?: { readonly region?: string; readonly account?: string }): IamPolicy
    /**
     * Checks whether commits and log agree, which may not be so after a restore. Reads all commits and all slots, page
     * by page. An append that is being written meanwhile may be reported: call it again.
     *
     * @throws InvalidInputError if an option is not valid
     * @throws SchemaMismatchError if a later version of the library has divided the log
     */
    verify(options?: TableCheckOptions): Promise<VerifyTablesResult>
    /**
     * Repairs commits and log so that they agree. No other process may use the tables meanwhile. A repair that was
     * interrupted can be called again.
     *
     * @throws InvalidInputError if an option is not valid
     * @throws SchemaMismatchError if a later version of the library has divided the log
     */
    repair(options?: TableCheckOptions): Promise<RepairResult>
  }
}

/**
 * Opens an event store on DynamoDB. It sends its first request when it is first used.
 *
 * @throws InvalidInputError if an option is not valid
 */
export function dynamodbStore<E extends Event = Event>(options?: DynamodbStoreOptions<E>): DynamodbStore<E> {
  const {
    table = 'eventsourced',
    inline: projections = [],
    events,
  } = optionsOf(options, ['table', 'inline', 'events'])
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
  const inline = new InlineProjections(projections, events)
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
    ...eventStore<E, DynamodbTransaction>(
      dynamodbStorage(connection, tables, inline, { maxBatch, gapTimeout, compress }),
      options,
    ),
    schema: {
      create: () => createTables(unprepared, tables),
      status: () => tablesStatus(unprepared, tables),
      cloudFormation: () => cloudFormation(tables),
      terraform: () => terraform(tables),
      iamPolicy: (options) => {
        const { region, account } = optionsOf(options, ['region', 'account'])
        if (region !== undefined) checkText(region, 'region')
        if (account !== undefined) checkText(account, 'account')
        return iamPolicy(tables, {
          ...(region !== undefined && { region }),
          ...(account !== undefined && { account }),
        })
      },
      verify: (options) => verifyTables(connection, tables, options),
      repair: (options) => repairTables(connection, tables, options),
    },
  }
}

// The rule of AWS, with room for the suffixes.
function checkTableName(table: string): void {
  if (typeof table === 'string' && /^[a-zA-Z0-9_.-]{1,240}$/.test(table)) return
  throw new InvalidInputError(
    'table',
    'must be 1 to 240 letters, digits, underscores, hyphens and dots',
    beginning(table),
  )
}
