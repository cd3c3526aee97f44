/** What a driver's error means: by SQLSTATE and constraint name, never by its words. */
import {
  EventSourcedError,
  MissingPrivilegesError,
  ReadOnlyReplicaError,
  SchemaMismatchError,
  StorageError,
  StoreUnavailableError,
  UnsupportedIsolationError,
} from '../storage/index.ts'

interface ServerReport {
  readonly code: string
  /** `pg` and PGlite call it so, postgres.js `constraint_name`. */
  readonly constraint?: string
  readonly constraint_name?: string
}

/** The server's own report, also as the cause of our error; undefined for a failure of the driver or the network. */
function reportOf(error: unknown): ServerReport | undefined {
  const report = error instanceof StorageError ? error.cause : error
  if (typeof report !== 'object' || report === null || !('severity' in report)) return undefined
  return 'code' in report && typeof report.code === 'string' ? (report as ServerReport) : undefined
}

const sqlState = (error: unknown) => reportOf(error)?.code

// Passing troubles: serialization failure, deadlock, lock not available, out of connections, server going down
// or coming up. With the whole class 08, the connection's own.
const transientStates = new Set(['40001', '40P01', '55P03', '53300', '57P01', '57P02', '57P03'])

// ES003 is our functions' own.
const replicaStates = new Set(['25006', 'ES003'])

/** Whether the server is a replica, which may be promoted soon. */
export function isReplicas(error: unknown): boolean {
  return error instanceof ReadOnlyReplicaError || replicaStates.has(sqlState(error) ?? '')
}

/** Whether the same call may succeed if made again. A failure that is not the server's word is the connection's. */
export function isTransient(error: unknown): boolean {
  if (isReplicas(error)) return true
  const state = sqlState(error)
  if (state !== undefined) return state.startsWith('08') || transientStates.has(state)
  return !isOwnOrMistake(error)
}

/**
 * Whether the connection must not be used again. After an error in a statement, or of the work, it can; unless it leads to
 * a replica, while the same address may lead to the primary by now.
 */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof WorkFailure) return false
  if (isReplicas(error) || isUnsupported(error)) return true
  const state = sqlState(error)
  return state === undefined || state.startsWith('08') || state.startsWith('57P')
}

/** Whether what was asked may have been done, as nothing came back. */
export function isAnswerLost(error: unknown): boolean {
  return isTransient(error) && isConnectionLost(error) && !isReplicas(error) && !isSilence(error)
}

/** Whether the server has refused what was asked; of an id that is taken it tells the reason, which is looked into. */
export function isServers(error: unknown): boolean {
  return sqlState(error) !== undefined && !isEventIdTaken(error)
}

// The system's words, and postgres.js's own for having waited long enough.
const silences = new Set(
  'ECONNREFUSED EHOSTUNREACH ENETUNREACH ENOTFOUND EAI_AGAIN ENOENT ETIMEDOUT CONNECT_TIMEOUT'.split(' '),
)

/** Whether no connection came about: nothing may be listening there at all. */
export function isSilence(error: unknown): boolean {
  return error instanceof Error && 'code' in error && silences.has(String(error.code))
}

/** What the work of a transaction threw, and the database did not: it is nobody's to judge but the caller's. */
export class WorkFailure extends Error {
  readonly thrown: unknown
  constructor(thrown: unknown) {
    super('the work of a transaction failed', { cause: thrown })
    this.thrown = thrown
  }
}

function isOwnOrMistake(error: unknown): boolean {
  return (
    error instanceof WorkFailure ||
    error instanceof EventSourcedError ||
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof SyntaxError ||
    (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError'))
  )
}

/** An id of the call is recorded already: see whether the call is a repeat. */
export function isEventIdTaken(error: unknown): boolean {
  const report = reportOf(error)
  return report?.code === '23505' && (report.constraint ?? report.constraint_name) === 'events_event_id_key'
}

/** The statement ran at a level or in a mode that the session's defaults chose. ES001 is our functions' own. */
export function isWrongMode(error: unknown): boolean {
  const state = sqlState(error)
  return state === 'ES001' || state === '25006'
}

/** What a replica answers to who begins a transaction to write. Said by others it means other things. */
export function isUnsupported(error: unknown): boolean {
  return sqlState(error) === '0A000'
}

/** A text or row would be larger than the server can make. */
export function isTooLarge(error: unknown): boolean {
  return sqlState(error) === '54000'
}

export function isDenied(error: unknown): boolean {
  return sqlState(error) === '42501'
}

export function isMissingSchema(error: unknown): boolean {
  return ['3F000', '42P01', '42883'].includes(sqlState(error) ?? '')
}

/** The error for the caller, for one that so many tries have not mended. */
export function toLastError(what: string, retries: number, error: unknown): EventSourcedError {
  if (error instanceof ReadOnlyReplicaError) return error
  return isReplicas(error) ? new ReadOnlyReplicaError(error) : new StoreUnavailableError(what, retries, error)
}

/** The error for the caller, for one that another try would not mend. */
export function toKnownError(what: string, error: unknown): unknown {
  const state = sqlState(error)
  if (state === undefined) return error
  if (state === 'ES001') {
    return new UnsupportedIsolationError(
      'Events can only be appended in a READ COMMITTED transaction: begin it with `begin isolation level read committed`',
      { cause: error },
    )
  }
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
  return new StorageError(what, error)
}
