/** Opens an event store on DynamoDB. */
import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkMilliseconds,
  type Event,
  type EventStore,
  eventStore,
  InlineProjections,
  type InputLimits,
  optionsOf,
  SchemaMismatchError,
  type StoreOptions,
} from '../storage/index.ts'
import { Connection, type DynamodbAddress, type DynamodbMetric, opener } from './connection.ts'
import { tablesOf } from './keys.ts'
import type { RepairResult, VerifyTablesResult } from './repair.ts'
import { dynamodbStorage } from './storage.ts'
import { checkTableName, defaultTable } from './table-name.ts'
import { createTables, format, readFormat } from './tables.ts'
import type { TablesStatus } from './tables-status.ts'
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
     * Creates the tables that are missing, turns on the time to live of the log, and checks both tables. Many
     * processes may call it at once. It turns on neither deletion protection nor point-in-time recovery, which the
     * templates of `@eventsourced/core/dynamodb/templates` do; `warnings` says what is off.
     *
     * @throws SchemaMismatchError if the tables have another format, or are not as they must be
     */
    create(): Promise<TablesStatus>
    /**
     * Checks the tables, and changes nothing. What only protects the tables is a warning in the result, not an error.
     *
     * @throws SchemaMismatchError if the tables have another format, or are not as they must be
     */
    status(): Promise<TablesStatus>
    /**
     * Checks whether commits and log agree, which may not be so after a restore. Reads both tables
     * completely.
     */
    verify(): Promise<VerifyTablesResult>
    /** Repairs commits and log so that they agree. No other process may use the tables meanwhile. */
    repair(): Promise<RepairResult>
  }
}

/**
 * Opens an event store on DynamoDB. It sends its first request when it is first used.
 *
 * @throws InvalidInputError if an option is not valid
 */
export function dynamodbStore<E extends Event = Event>(options?: DynamodbStoreOptions<E>): DynamodbStore<E> {
  const {
    table = defaultTable,
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

  // A process that appends never loads what only operators call.
  const status = async () => (await import('./tables-status.ts')).tablesStatus(unprepared, tables)
  const repairs = () => import('./repair.ts')

  return {
    ...eventStore<E, DynamodbTransaction>(
      dynamodbStorage(connection, tables, inline, { maxBatch, gapTimeout, compress }),
      options,
    ),
    schema: {
      async create() {
        await createTables(unprepared, tables)
        return status()
      },
      status,
      verify: async () => (await repairs()).verifyTables(connection, tables),
      repair: async () => (await repairs()).repairTables(connection, tables),
    },
  }
}
