/**
 * Checks the database once, before the first use: the tables, the privileges of the role, and the settings. A state
 * that would break a guarantee of the store makes the check fail. A setting that can lose events in a crash causes a
 * warning.
 */
import { SchemaMismatchError, type StoreWarning } from '../storage/index.ts'
import { checkFacts, checkMarkers, checkServer } from './check-server.ts'
import type { Database, Row } from './client.ts'
import { isDenied, isMissingColumn, isMissingSchema, positionsBehind, WorkFailure } from './errors.ts'
import { lossySettings } from './lossy-settings.ts'
import { createSchema, schemaStatus } from './migrate.ts'
import { missingPrivileges, privilegesError, usedNames } from './privileges.ts'
import { notUpToDate, statusOf } from './schema-status.ts'
import { quotedSchema, type Statements } from './statements.ts'

/** The options of `startUp`: see `PostgresStoreOptions`. */
export interface StartUpOptions {
  readonly schema: string
  readonly statements: Statements
  readonly autoCreate: boolean
  readonly protectEvents: boolean
  readonly onWarning: (warning: StoreWarning) => void
}

// The maximum for positions and keys of streams: a JavaScript number holds each one exactly, with room to spare.
const numberBits = 48

/**
 * Checks the database and, with `autoCreate`, creates the tables or brings them up to date.
 * @throws UnsupportedDatabaseError, SchemaMismatchError, MissingPrivilegesError, SequenceBehindError, or the server's
 * error (25006 on a replica)
 * @throws WorkFailure with the error that `onWarning` throws
 */
export async function startUp(database: Database, options: StartUpOptions): Promise<void> {
  const { schema, autoCreate, protectEvents, onWarning } = options
  let found = await inspect(database, options)
  const status = found && statusOf(found, schema, protectEvents)
  if (!status?.upToDate) {
    if (!autoCreate) {
      // These two name the reason if it is another one: the server, or another tool's objects.
      await checkServer(database, options.statements)
      await schemaStatus(database, options.statements, schema, protectEvents)
      throw notUpToDate(status, schema)
    }
    await createSchema(database, options.statements, schema, protectEvents)
    found = await inspect(database, options)
  }
  if (found === undefined) throw new SchemaMismatchError(`Tables in schema '${schema}' were dropped`)
  checkFacts(found)
  checkFound(found, schema)
  if (database.isEmbedded) return
  try {
    for (const warning of lossySettings(found)) await onWarning(warning)
  } catch (thrown) {
    throw new WorkFailure(thrown)
  }
}

/** Runs `start-up.sql`. Returns undefined if the tables do not exist. */
async function inspect(database: Database, { schema, statements }: StartUpOptions): Promise<Row | undefined> {
  try {
    return (await database.run(statements.startUp, usedNames))[0]
  } catch (error) {
    if (isMissingSchema(error) || isMissingColumn(error)) return undefined
    throw isDenied(error) ? await missingPrivileges(database, statements, schema, error) : error
  }
}

/**
 * @throws SchemaMismatchError, MissingPrivilegesError or SequenceBehindError if the store must not use this database
 */
function checkFound(found: Row, schema: string): void {
  if (found.missing !== null) throw privilegesError(found, schema)
  checkMarkers(found)
  const own = quotedSchema(schema)
  const sequence = `${own}.event_positions`
  if (found.is_ordered !== 'true') {
    throw new SchemaMismatchError(
      `The sequence ${sequence} was changed, and the order of the log depends on it: let its owner run \`alter sequence ${sequence} increment by 1 cache 1 no cycle\``,
    )
  }
  const [head, lastPosition] = [BigInt(String(found.head)), BigInt(String(found.last_position))]
  if (head < lastPosition) throw positionsBehind(own, Number(head), Number(lastPosition))
  checkNumber(sequence, head, 'positions')
  checkNumber(`${own}.stream_keys`, BigInt(String(found.last_stream_key)), 'keys of streams')
}

/** @throws SchemaMismatchError if a sequence has assigned numbers that are too large for JavaScript */
function checkNumber(sequence: string, last: bigint, what: string): void {
  if (last >> BigInt(numberBits) === 0n) return
  throw new SchemaMismatchError(
    `The sequence ${sequence} stands at ${last}, and ${what} end at 2^${numberBits}: it was set by hand`,
  )
}
