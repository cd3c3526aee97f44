/** What this adapter asks of a Postgres driver. The `from-*.ts` files make it of the drivers there are. */

/** A statement with numbered parameters. The name stands for this very text, for drivers that prepare by name. */
export interface Statement {
  readonly name: string
  readonly text: string
}

/**
 * Columns are cast to text (or int4) in SQL: no driver's type parsers matter, and none is touched. Columns of type
 * varchar hold JSON arrays, which a driver may give parsed.
 */
export type Row = Readonly<Record<string, unknown>>

/** Parameters are text or null; the statement casts them. */
export type Parameters = readonly (string | null)[]

/** A connection that is inside a transaction. */
export interface Session {
  run(statement: Statement, parameters: Parameters): Promise<readonly Row[]>
  /** Runs a query of the user's own, whose values and rows are as the driver has them. */
  query(text: string, values: readonly unknown[]): Promise<readonly Row[]>
  /** The driver's own transaction. */
  readonly client: unknown
}

/** A session that can also run a script of several statements. */
export interface ScriptSession extends Session {
  runScript(sql: string): Promise<void>
}

/** A database that hands out connections. */
export interface Database {
  /** It runs within this process, and its files are its own business: settings of durability mean nothing. */
  readonly isEmbedded?: true
  /** Runs one statement in a transaction of its own. Not sent any more once the signal is aborted. */
  run(statement: Statement, parameters: Parameters, signal?: AbortSignal): Promise<readonly Row[]>
  /** Commits what `work` did, or rolls it back if it throws. In `transactionMode`. */
  transaction<T>(work: (session: ScriptSession) => Promise<T>, signal?: AbortSignal): Promise<T>
  /** Opens one more connection, and listens there; undefined for a driver that cannot, or need not. */
  readonly listen?:
    | ((channel: string, onNotified: (payload: string) => void) => Promise<Listener | undefined>)
    | undefined
  /** Closes what this library opened, and nothing else. */
  close(): Promise<void>
}

/** A connection that listens. */
export interface Listener {
  /** Resolves when it has ended, by whoever's doing. */
  readonly ended: Promise<void>
  close(): Promise<void>
}

/** Whatever the defaults of server, database and role are: the level at which the append function is right. */
export const transactionMode = 'isolation level read committed read write'

/**
 * How long a transaction may be idle, in milliseconds: a process that was stopped in the middle of one holds its locks
 * no longer.
 */
export const longestIdle = 120_000
