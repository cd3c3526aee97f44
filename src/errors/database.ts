/** Errors of the database, its driver, and the connection to it. */
import { EventSourcedError, reasonOf } from './base.ts'

/** The call was made after `close()`, or the store was closed during the call. */
export class StoreClosedError extends EventSourcedError {
  readonly code = 'store-closed'
  constructor() {
    super('The event store is closed')
  }
}

/**
 * The store could not reach the database, or the database kept failing with transient errors, until the retries were
 * used up. An append that fails with this error may have been recorded: repeat it with the same event ids.
 */
export class StoreUnavailableError extends EventSourcedError {
  readonly code = 'store-unavailable'
  /** The number of retries after the first attempt. */
  readonly retries: number
  constructor(what: string, retries: number, cause: unknown) {
    const after = retries === 0 ? '' : ` after ${retries} ${retries === 1 ? 'retry' : 'retries'}`
    super(`${what} failed${after}: ${reasonOf(cause)}`, { cause })
    this.retries = retries
  }
}

/**
 * The call waited for a lock for as long as the store's `timeout` allows: another transaction holds the stream, a
 * document or a table. Nothing was written, except for the earlier batches of an import. End that transaction, and call
 * again.
 */
export class LockTimeoutError extends EventSourcedError {
  readonly code = 'lock-timeout'
  /** For how long the call waited, in milliseconds. */
  readonly timeout: number
  constructor(what: string, timeout: number, options?: ErrorOptions) {
    super(
      `${what} waited ${timeout} ms for a lock that another transaction holds, and nothing was written: find that transaction in pg_stat_activity (often it is among the oldest by xact_start), end it, and call again`,
      options,
    )
    this.timeout = timeout
  }
}

/**
 * The client or pool that you opened the store with can serve no call: it was never connected, it was ended, or it was
 * a single connection and is lost. A retry on the same store does not help. The call was not sent.
 */
export class ConnectionNotOpenError extends EventSourcedError {
  readonly code = 'connection-not-open'
  readonly reason: 'never connected' | 'ended' | 'lost'
  constructor(connection: string, reason: 'never connected' | 'ended' | 'lost', cause?: unknown) {
    super(`The ${connection} that the store uses ${notOpenReasons[reason]}`, { cause })
    this.reason = reason
  }
}

const notOpenReasons = {
  'never connected': 'was never connected: call `await client.connect()` first',
  ended: 'was ended: end it after `await store.close()`, or open the store on another one',
  lost: 'has lost its connection, and cannot connect again: open the store on a new one, or on a pool',
}

/** The database refused the operation with an error that a retry would not change. See `cause`. */
export class StorageError extends EventSourcedError {
  readonly code = 'storage-failed'
  constructor(what: string, cause: unknown, remedy?: string) {
    const todo = remedy === undefined ? '' : `. ${remedy}`
    super(`${what} was refused by the database: ${reasonOf(cause)}${todo}`, { cause })
  }
}

/** The tables are missing, were changed by hand, or were made by a newer version of this library. */
export class SchemaMismatchError extends EventSourcedError {
  readonly code = 'schema-mismatch'
}

/** The server, the database or the session lacks something that the store's guarantees need. Nothing was written. */
export class UnsupportedDatabaseError extends EventSourcedError {
  readonly code = 'unsupported-database'
}

/**
 * The store was to work inside the caller's transaction, but the caller's connection is in none. Nothing was written.
 */
export class NotInTransactionError extends EventSourcedError {
  readonly code = 'not-in-transaction'
  constructor(what: string, cause: unknown) {
    super(
      `${what} was to happen inside your transaction, but this connection is in none, so that no rollback could undo it: pass the client on which you called \`begin\`, and use the store before the transaction ends`,
      { cause },
    )
  }
}

/** The caller's transaction has an isolation level at which the store cannot guarantee the order of the log. */
export class UnsupportedIsolationError extends EventSourcedError {
  readonly code = 'unsupported-isolation'
}

/** The database is a read-only replica: it accepts no appends, and cannot see which appends are under way. */
export class ReadOnlyReplicaError extends EventSourcedError {
  readonly code = 'read-only-replica'
  constructor(cause?: unknown) {
    super(
      'The database is a read-only replica, which has no complete view of the log: connect to the primary',
      { cause },
    )
  }
}

/** The role of the connection lacks privileges that the store needs. Nothing was written. */
export class MissingPrivilegesError extends EventSourcedError {
  readonly code = 'missing-privileges'
  /** The role that lacks them, if the store knows it. */
  readonly role: string | undefined
  /**
   * All missing privileges, such as `SELECT on eventsourced.events`; empty if the database named only one: see `cause`.
   */
  readonly missing: readonly string[]
  constructor(role: string | undefined, missing: readonly string[], remedy: string, cause: unknown) {
    const who = role === undefined ? 'The role of this connection' : `Role '${role}'`
    const what = missing.length > 0 ? missing.join(', ') : `a privilege (${reasonOf(cause)})`
    super(`${who} lacks ${what}: ${remedy}`, { cause })
    this.role = role
    this.missing = missing
  }
}

/**
 * A sequence of the database is lower than the numbers in its table, as after a restore of the tables without the
 * sequence. The next appends would get positions that readers have already passed, or fail to create a stream.
 */
export class SequenceBehindError extends EventSourcedError {
  readonly code = 'sequence-behind'
  /** The last position that the sequence of positions has assigned. Undefined if another sequence is behind. */
  readonly head: number | undefined
  /** The highest position of an event. Undefined if another sequence is behind. */
  readonly lastPosition: number | undefined
  constructor(message: string, head?: number, lastPosition?: number, options?: ErrorOptions) {
    super(message, options)
    this.head = head
    this.lastPosition = lastPosition
  }
}

/** Another process has opened the embedded database's folder. */
export class FolderInUseError extends EventSourcedError {
  readonly code = 'folder-in-use'
  readonly folder: string
  /** The other process, such as `process 4711 on this machine`. */
  readonly owner: string
  constructor(folder: string, owner: string, lockFile: string) {
    super(
      `The folder '${folder}' is in use by ${owner}; an embedded database admits one process at a time. If that process is surely gone, delete ${lockFile}`,
    )
    this.folder = folder
    this.owner = owner
  }
}

/** The package of the database driver is not installed. */
export class MissingDriverError extends EventSourcedError {
  readonly code = 'missing-driver'
  /** The package to install. */
  readonly driver: string
  constructor(driver: string, cause: unknown) {
    super(`The driver '${driver}' is not installed: run \`npm install ${driver}\``, { cause })
    this.driver = driver
  }
}
