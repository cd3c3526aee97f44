/** Classifies the errors of drivers and of the server: by SQLSTATE and constraint name, never by message text. */
import {
  ConnectionNotOpenError,
  EventSourcedError,
  MissingInlineProjectionError,
  MissingPrivilegesError,
  ReadOnlyReplicaError,
  SchemaMismatchError,
  SequenceBehindError,
  StorageError,
  StoreUnavailableError,
  UnsupportedIsolationError,
} from '../storage/index.ts'

interface ServerReport {
  readonly code: string
  /** `pg` reports it in the language of the server's messages. */
  readonly severity: unknown
  readonly detail?: string
  /** The function of the server's source that reported the error. */
  readonly routine?: string
  /** The name of this field in `pg` and PGlite; postgres.js calls it `constraint_name`. */
  readonly constraint?: string
  readonly constraint_name?: string
  /** The schema of the constraint. postgres.js calls this field `schema_name`. */
  readonly schema?: string
  readonly schema_name?: string
}

/** Returns the server's report in an error or in its cause. Undefined for a failure of the driver or the network. */
function reportOf(error: unknown): ServerReport | undefined {
  const report = error instanceof StorageError ? error.cause : error
  if (typeof report !== 'object' || report === null || !('severity' in report)) return undefined
  return 'code' in report && typeof report.code === 'string' ? (report as ServerReport) : undefined
}

const sqlState = (error: unknown) => reportOf(error)?.code

// Transient errors: serialization failure, deadlock, lock not available, too many connections, server shutting down or
// starting up, session or transaction idle for too long. The whole class 08 (connection exceptions) is transient too.
const transientStates = new Set('40001 40P01 55P03 53300 57P01 57P02 57P03 57P05 25P03'.split(' '))

/**
 * Whether the server or a pooler has ended the connection, or refused to open it. A retry on a new connection may
 * succeed, unless the server refused the login (class 28), the role may not connect to the database (42501), or the
 * database does not exist (3D000).
 */
function isFatal(report: ServerReport): boolean {
  return report.severity === 'FATAL' || report.severity === 'PANIC'
}

const isLoginRefused = (state: string) => state.startsWith('28') || state === '3D000' || state === '42501'

// 25006: read-only transaction. Our own functions raise ES003 on a replica.
const replicaStates = new Set(['25006', 'ES003'])

/** Whether the error says that the server is a replica. It may be promoted soon. */
function isFromReplica(error: unknown): boolean {
  return error instanceof ReadOnlyReplicaError || replicaStates.has(sqlState(error) ?? '')
}

/**
 * Whether a retry of the same call may succeed. An error that comes neither from the server nor from this process is a
 * failure of the connection.
 */
export function isTransient(error: unknown): boolean {
  if (isFromReplica(error)) return true
  const report = reportOf(error)
  if (report === undefined) return !isRaisedLocally(error)
  const { code } = report
  return code.startsWith('08') || transientStates.has(code) || (isFatal(report) && !isLoginRefused(code))
}

/**
 * Whether the connection must not be used again. An error of a statement or of the work leaves it usable. A connection
 * to a replica must be closed, because the same address may lead to the primary by now.
 */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof WorkFailure) return false
  if (isFromReplica(error) || isFeatureNotSupported(error)) return true
  const report = reportOf(error)
  if (report === undefined || isFatal(report) || isIdleEnd(error)) return true
  return report.code.startsWith('08') || report.code.startsWith('57P')
}

/** Whether the statement may have been executed although no answer arrived. */
export function isAnswerLost(error: unknown): boolean {
  return isTransient(error) && isConnectionLost(error) && !isFromReplica(error) && !isUnreachable(error)
}

/**
 * Whether the server has refused the statement, or the connection was ended before it was sent. A taken event id does
 * not count: the store then looks whether the call is a repeat.
 */
export function isRefusal(error: unknown): boolean {
  if (error instanceof ConnectionNotOpenError) return true
  return sqlState(error) !== undefined && !isEventIdTaken(error)
}

/** Whether the store has lost the only connection that it may use. */
export function isLastConnectionLost(error: unknown): boolean {
  return error instanceof ConnectionNotOpenError && error.reason === 'lost'
}

// Error codes of the operating system and the resolver, and postgres.js' own code for a connect timeout.
const unreachableCodes = new Set(
  'ECONNREFUSED EHOSTUNREACH ENETUNREACH ENOTFOUND EAI_AGAIN ENOENT ETIMEDOUT CONNECT_TIMEOUT'.split(' '),
)

/** Whether the server answered, but admits no more connections. */
export function isOverloaded(error: unknown): boolean {
  return sqlState(error) === '53300'
}

/** Whether no connection could be opened. Perhaps no server listens at this address. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && unreachableCodes.has(String(error.code))
}

/** The code of a call whose statement still waits in the driver, because no connection was free or could be opened. */
export const stillQueued = 'STILL_QUEUED'

/** Whether no connection came for the call. Unlike after `isUnreachable`, the driver may still send the statement. */
export function isStillQueued(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === stillQueued
}

/**
 * Whether the error of the user's own statement is a fault of the whole transaction, which only a new transaction can
 * mend: the connection is lost, or the server chose the transaction as the victim of a conflict. Other errors belong to
 * the user's code, also an error that would be transient in a statement of this library: a lock that is not available
 * is what `for update nowait` asks for. On a replica the transaction could not have begun, so those errors are the
 * user's too.
 */
export function endsTransaction(error: unknown): boolean {
  if (!isTransient(error) || isFromReplica(error)) return false
  return isConnectionLost(error) || isConflict(error)
}

/** Whether the server chose the transaction as the victim of a serialization failure or a deadlock. */
function isConflict(error: unknown): boolean {
  return ['40001', '40P01'].includes(sqlState(error) ?? '')
}

/** Whether the server ended the transaction because it ran no statement for too long. */
export function isIdleEnd(error: unknown): boolean {
  return sqlState(error) === '25P03'
}

/** Whether the server refused a statement because an earlier one has failed and aborted the transaction. */
export function isTransactionAborted(error: unknown): boolean {
  return sqlState(error) === '25P02'
}

/**
 * Wraps an error that the caller's work in a transaction threw. The store does not classify it and rethrows it as it
 * is.
 */
export class WorkFailure extends Error {
  readonly thrown: unknown
  constructor(thrown: unknown) {
    super('the work of a transaction failed', { cause: thrown })
    this.thrown = thrown
  }
}

/** Whether this process raised the error: a known error of this library, a programming error, or an abort. */
function isRaisedLocally(error: unknown): boolean {
  return (
    error instanceof WorkFailure ||
    error instanceof EventSourcedError ||
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof SyntaxError ||
    (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError'))
  )
}

/** Whether an event id of the call is recorded already. The call may then be a repeat. */
export function isEventIdTaken(error: unknown): boolean {
  // If `events` is partitioned, the constraint of each partition has its own name, which ends so.
  return violatedConstraint(error)?.endsWith('event_id_key') ?? false
}

/** The unique constraint that the statement violated. */
function violatedConstraint(error: unknown): string | undefined {
  const report = reportOf(error)
  return report?.code === '23505' ? (report.constraint ?? report.constraint_name) : undefined
}

/** Whether an inline projection of the append is no longer inline in the version that the store knows. */
export function isProjectionOutdated(error: unknown): boolean {
  return sqlState(error) === 'ES008'
}

/**
 * Whether the statement ran in a wrong isolation level (our functions raise ES001) or in a read-only transaction. The
 * defaults of the session may have chosen either.
 */
export function isWrongMode(error: unknown): boolean {
  const state = sqlState(error)
  return state === 'ES001' || state === '25006'
}

/**
 * Whether the server does not support the feature (0A000). A replica answers so to `begin … read write`. In other
 * places the same code has other meanings.
 */
export function isFeatureNotSupported(error: unknown): boolean {
  return sqlState(error) === '0A000'
}

/** Whether a lock that another transaction holds was not available in time. */
export function isLockUnavailable(error: unknown): boolean {
  return sqlState(error) === '55P03'
}

/** Whether the server itself cancelled the statement, and no function raised the error. */
export function isCancelled(error: unknown): boolean {
  return sqlState(error) === '57014' && reportOf(error)?.routine === 'ProcessInterrupts'
}

/** Whether the statement needs a transaction block, and the session is in none. */
export function isOutsideTransaction(error: unknown): boolean {
  return sqlState(error) === '25P01'
}

/** Whether a text or row would exceed the server's size limit. */
export function isTooLarge(error: unknown): boolean {
  return sqlState(error) === '54000'
}

/** Whether the role lacks a privilege. */
export function isDenied(error: unknown): boolean {
  return sqlState(error) === '42501'
}

/** Whether the schema, a table or a function does not exist. */
export function isMissingSchema(error: unknown): boolean {
  return ['3F000', '42P01', '42883'].includes(sqlState(error) ?? '')
}

/** Whether a table lacks a column of this library's: it is another tool's. */
export function isMissingColumn(error: unknown): boolean {
  return sqlState(error) === '42703'
}

/** Whether the script that creates the tables has found another tool's objects under its own names. */
export function isForeignObject(error: unknown): boolean {
  return sqlState(error) === 'ES005'
}

/** Returns the error for the caller after the last retry of a transient error. `retries`: how many were made. */
export function toLastError(what: string, retries: number, error: unknown): EventSourcedError {
  if (error instanceof ReadOnlyReplicaError) return error
  return isFromReplica(error)
    ? new ReadOnlyReplicaError(error)
    : new StoreUnavailableError(what, retries, error)
}

/** Returns the error of a sequence that would assign positions which readers have passed. `schema`: a quoted name. */
export function positionsBehind(schema: string, head: number, lastPosition: number): SequenceBehindError {
  const problem = `${schema}.event_positions stands at ${head}, but the log reaches to position ${lastPosition}`
  const correction = `select setval('${schema}.event_positions', max(position)) from ${schema}.events;`
  return new SequenceBehindError(
    behindMessage(problem, `${correction} ${streamKeysCorrection(schema)}`),
    head,
    lastPosition,
  )
}

/** Returns the error of a sequence that has assigned the key of an existing stream again. `schema`: a quoted name. */
function streamKeysBehind(schema: string, cause: unknown): SequenceBehindError {
  const problem = `${schema}.stream_keys stands below the highest stream_key in ${schema}.streams`
  const message = behindMessage(problem, streamKeysCorrection(schema))
  return new SequenceBehindError(message, undefined, undefined, { cause })
}

function behindMessage(problem: string, correction: string): string {
  return `The sequence ${problem}, as after a restore or a copy of the tables without it: let its owner run \`${correction}\` while no process appends`
}

function streamKeysCorrection(schema: string): string {
  return `select setval('${schema}.stream_keys', max(stream_key)) from ${schema}.streams;`
}

/** Returns the error for the caller if a retry would not help. */
export function toKnownError(what: string, error: unknown): unknown {
  const state = sqlState(error)
  if (state === undefined) return error
  if (state === 'ES001') {
    return new UnsupportedIsolationError(
      'Events can only be appended in a READ COMMITTED transaction: begin it with `begin isolation level read committed`',
      { cause: error },
    )
  }
  if (state === 'ES006') {
    const { schema, head, lastPosition } = JSON.parse(String(reportOf(error)?.detail))
    return positionsBehind(schema, head, lastPosition)
  }
  if (violatedConstraint(error) === 'streams_pkey') {
    const report = reportOf(error)
    return streamKeysBehind(`"${report?.schema ?? report?.schema_name}"`, error)
  }
  if (state === 'ES007') return new MissingInlineProjectionError(JSON.parse(String(reportOf(error)?.detail)))
  if (isMissingSchema(error)) {
    return new SchemaMismatchError(
      'The tables of the event store are missing: call `await store.schema.create()` first',
      { cause: error },
    )
  }
  if (isDenied(error)) {
    const todo = `${what} needs it; \`store.schema.grantSql(role)\` returns what the owner of the tables has to run`
    return new MissingPrivilegesError(undefined, [], todo, error)
  }
  // A pooler has dropped the prepared statements of a connection, or has mixed up those of two clients.
  if (state === '26000' || state === '42P05') {
    const remedy =
      'A pooler between the store and the server does not keep prepared statements: open the store with prepare: false'
    return new StorageError(what, error, remedy)
  }
  return new StorageError(what, error)
}
