/** The interface that this adapter needs from a Postgres driver. Each `from-*.ts` file implements it for one driver. */

/**
 * A statement with numbered parameters (`$1`, `$2` …). No two texts share a name, because some drivers prepare
 * statements by name.
 */
export interface Statement {
  readonly name: string
  readonly text: string
}

/**
 * A row as the driver returns it. The statements of this library cast each column to text or int4, so that the type
 * parsers of a driver do not matter. Columns of type varchar hold JSON arrays, which a driver may return parsed.
 */
export type Row = Readonly<Record<string, unknown>>

/** The parameters of a statement: text or null. The statement casts them. */
export type Parameters = readonly (string | null)[]

/** A connection that is inside a transaction. */
export interface Session {
  /** Runs a statement of this library. */
  run(statement: Statement, parameters: Parameters): Promise<readonly Row[]>
  /**
   * Runs a statement of this library and commits the transaction, in one round trip. Nothing may follow it. Absent if
   * the driver cannot, or if the transaction is the caller's.
   */
  readonly runAndCommit?: (statement: Statement, parameters: Parameters) => Promise<readonly Row[]>
  /** Runs the user's own query. The driver's own rules apply to its values and rows. */
  query(text: string, values: readonly unknown[]): Promise<readonly Row[]>
  /** The driver's own transaction. */
  readonly client: unknown
}

/** A session that can also run a script of several statements. */
export interface ScriptSession extends Session {
  /** Runs several statements, separated by semicolons and without parameters. */
  runScript(sql: string): Promise<void>
}

/** A database that hands out connections. */
export interface Database {
  /** Present if the database runs inside this process. Server settings then say nothing about durability. */
  readonly isEmbedded?: true
  /** Maximum number of connections that statements and transactions can use at the same time. */
  readonly connections: number
  /** Runs one statement in its own transaction. Does not send it if the signal is already aborted. */
  run(statement: Statement, parameters: Parameters, signal?: AbortSignal): Promise<readonly Row[]>
  /**
   * Runs `work` in a transaction in `transactionMode`: commits if it resolves, rolls back if it throws. 'late': the
   * driver may begin the transaction together with the first statement that `work` calls `Session.run` with. Before that
   * call, `work` must not use the session.
   */
  transaction<T>(
    work: (session: ScriptSession) => Promise<T>,
    signal?: AbortSignal,
    begin?: 'at once' | 'late',
  ): Promise<T>
  /**
   * Opens one more connection and listens on it. Absent if the driver cannot listen or need not. Resolves with
   * undefined if this client cannot open another connection.
   */
  readonly listen?:
    | ((channel: string, onNotified: (payload: string) => void) => Promise<Listener | undefined>)
    | undefined
  /** Closes the connections that this library opened. The caller's connections stay open. */
  close(): Promise<void>
}

/** A connection that listens for notifications. */
export interface Listener {
  /** Resolves when the connection has ended, whether this library, the server or the network ended it. */
  readonly ended: Promise<void>
  close(): Promise<void>
}

/**
 * The mode of every transaction that this adapter begins. The append functions are correct only in READ COMMITTED, and
 * the server, the database or the role may have another default.
 */
export const transactionMode = 'isolation level read committed read write'

/**
 * Maximum time that a transaction may be idle, in milliseconds. After it the server ends the transaction, so that a
 * process that is suspended in the middle of one does not hold its locks.
 */
export const maxIdleMilliseconds = 120_000
