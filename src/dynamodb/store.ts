/** Opens an event store on DynamoDB. */
import {
  checkBoolean,
  checkInteger,
  checkMilliseconds,
  type Event,
  type EventStore,
  eventStore,
  InlineProjections,
  type InputLimits,
  observationOf,
  optionsOf,
  refuse,
  SchemaMismatchError,
  type StoreOptions,
} from '../storage/index.ts'
import type { DynamodbTransaction } from './documents/transaction.ts'
import { tablesOf } from './keys.ts'
import type { RepairResult, TableCheckOptions, VerifyTablesResult } from './repair/problems.ts'
import { type DynamodbAddress, opener } from './requests/client.ts'
import { Connection } from './requests/connection.ts'
import { dynamodbStorage } from './storage.ts'
import { checkTableName, defaultTable } from './tables/table-name.ts'
import { createTables, format, readFormat, readFormatOnceCreated, refusedAs } from './tables/tables.ts'
import type { TablesStatus } from './tables/tables-status.ts'

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
   * The longest time that one attempt of a request waits for its answer, in milliseconds, with any client. After that
   * time the store aborts the attempt and retries: the connection may be silent. The SDK's own `requestTimeout` aborts
   * nothing by default. A write that was aborted may have happened; the store recognises it, as after any lost answer.
   *
   * An attempt that reads many items (`Query`, `Scan`, `BatchGetItem`) waits twice as long after each timeout, up to
   * four times `requestTimeout`, so that an answer of up to 16 MB arrives on a slow connection too.
   *
   * One request ends within (`retries` + 1) × `requestTimeout`, plus `retries` pauses of at most 1 second each: by
   * default 10 × 5 s + 4 s = 54 seconds. A request that reads many items ends within 5 + 10 + 8 × 20 + 4 = 179 seconds.
   * A call sends several requests one after the other: an append 2 to 5, and more after conflicts. `close()` waits for
   * the calls under way. To limit a call as a whole, pass it a `signal`.
   *
   * @default 5000
   */
  readonly requestTimeout?: number | undefined
  /**
   * Maximum number of concurrent appends in one transaction. 1: each append has its own transaction.
   *
   * @default 98
   */
  readonly maxBatch?: number | undefined
  /**
   * An append takes a *slot*, a numbered piece of the log, before it commits. After this time without a commit, in
   * milliseconds, a reader *seals* the slot: it stays empty, and the append takes another one.
   *
   * @default 2000
   */
  readonly gapTimeout?: number | undefined
  /** Whether the store compresses event bodies and document states above 1 KB. @default true */
  readonly compress?: boolean | undefined
  /**
   * Whether the store asks DynamoDB for the capacity that each request consumes, and passes it to `onMetric` with the
   * kind `capacity`: once for each request and table. Requires `onMetric` or `observe.measure`. @default false
   */
  readonly reportCapacity?: boolean | undefined
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
     * Checks whether commits and log agree, which may not be so after a restore. Reads all commits and all slots, page
     * by page. An append that is being written meanwhile may be reported: call it again.
     *
     * @throws InvalidInputError if an option is not valid
     * @throws SchemaMismatchError if a later version of the library has divided the log
     */
    verify(options?: TableCheckOptions): Promise<VerifyTablesResult>
    /**
     * Repairs commits and log so that they agree. No other process may use the tables meanwhile. A repair that was
     * interrupted can be called again. Open the store again afterwards: a store remembers what it has read of the log.
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
    table = defaultTable,
    inline: projections = [],
    events,
  } = optionsOf(options, ['table', 'inline', 'events'])
  const {
    retries = 9,
    requestTimeout = 5_000,
    maxBatch = 98,
    gapTimeout = 2_000,
  } = optionsOf(options, ['retries', 'requestTimeout', 'maxBatch', 'gapTimeout'])
  const {
    autoCreate = true,
    compress = true,
    reportCapacity = false,
  } = optionsOf(options, ['autoCreate', 'compress', 'reportCapacity'])
  const address = optionsOf<DynamodbAddress, keyof DynamodbAddress>(options, [
    'client',
    'endpoint',
    'region',
    'credentials',
  ])
  checkTableName(table)
  checkInteger(retries, 'retries', 0)
  checkMilliseconds(requestTimeout, 'requestTimeout', 1)
  checkInteger(maxBatch, 'maxBatch', 1)
  checkMilliseconds(gapTimeout, 'gapTimeout', 1)
  const tables = tablesOf(table)
  checkBoolean(autoCreate, 'autoCreate')
  checkBoolean(compress, 'compress')
  checkBoolean(reportCapacity, 'reportCapacity')
  const measure = observationOf(options)?.measure
  if (reportCapacity && measure === undefined) {
    const problem = 'must not be true without onMetric or observe.measure, which gets the capacity'
    refuse('reportCapacity', problem, reportCapacity)
  }
  const inline = new InlineProjections(projections, events)
  const connection = new Connection(
    opener(address),
    { retries, requestTimeout, reportCapacity, measure },
    prepare,
  )
  const unprepared = connection.unprepared()

  async function prepare(): Promise<void> {
    let mismatch: SchemaMismatchError | undefined
    const found = await readFormat(unprepared, tables).catch((error: unknown) => {
      if (!(error instanceof SchemaMismatchError)) throw error
      mismatch = error
      return 0
    })
    if (found === format) return
    try {
      if (autoCreate) return await createTables(unprepared, tables)
      if (mismatch !== undefined && (await readFormatOnceCreated(unprepared, tables)) === format) return
    } catch (error) {
      // Without the right to look at tables or to create them, the first error says more.
      throw refusedAs(error) === 'AccessDeniedException' ? (mismatch ?? error) : error
    }
    throw new SchemaMismatchError(
      `The tables '${tables.events}' and '${tables.log}' are not set up: call \`await store.schema.create()\` first`,
    )
  }

  // A process that appends never loads what only operators call.
  const status = async () => (await import('./tables/tables-status.ts')).tablesStatus(unprepared, tables)

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
      verify: async (options) =>
        (await import('./repair/verify.ts')).verifyTables(connection, tables, options),
      repair: async (options) =>
        (await import('./repair/repair.ts')).repairTables(connection, tables, options),
    },
  }
}
