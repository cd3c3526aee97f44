/** The frontier of the log, as all stores report it. */

/** How far readers of the log can read now, and the appends that they wait for. */
export interface Frontier {
  /**
   * The position of the frontier (the high-water mark), inclusive: no event can still appear at or below it, and
   * readers stop here.
   */
  readonly position: number
  /** The highest position that the database has assigned; 0: none. Equals `position` while no append is running. */
  readonly head: number
  /** The last event that is recorded; `undefined` if the log is empty. */
  readonly last: { readonly position: number; readonly recordedAt: Date } | undefined
  /** The appends that are running now, the longest running first. They hold the frontier back until they end. */
  readonly writers: readonly FrontierWriter[]
}

/** A running append, as far as the database shows it. */
export interface FrontierWriter {
  /**
   * For how long it has been open, in milliseconds. On Postgres: its transaction; absent if its connection belongs to
   * another role, and yours lacks the rights of `pg_read_all_stats`. On DynamoDB: since this store first saw its slot
   * without events.
   */
  readonly openTime?: number | undefined
  /** On Postgres: the process id of the connection's server process, as in `pg_stat_activity`. */
  readonly pid?: number | undefined
  /** On Postgres: the `application_name` of the connection. */
  readonly applicationName?: string | undefined
  /** On Postgres: what the connection does, for example `idle in transaction`. Absent in the same case as `openTime`. */
  readonly state?: string | undefined
  /** On DynamoDB: the number of the slot of the log that it has taken. */
  readonly slot?: number | undefined
}
