/**
 * Ends calls whose connection has gone silent. A network can swallow packets while both ends keep the connection open:
 * without a deadline, a call on it waits without an end.
 *
 *     call ── timeout ──▶ does the server still work on it? ── yes ──▶ wait again
 *                                    │
 *                                    no, or no answer ──▶ end the server's session, close the connection, retry
 *
 * The question goes over a new connection. A call that waits for a lock on the server therefore has no deadline, and a
 * call whose answer was lost has one. See docs/decisions/0025-deadlines.md.
 */

/** The database did not answer in time. The code tells a connection that was never opened from one that went silent. */
export class SilentDatabaseError extends Error {
  readonly code: 'CONNECT_TIMEOUT' | 'SILENT_CONNECTION'
  constructor(code: 'CONNECT_TIMEOUT' | 'SILENT_CONNECTION', timeout: number) {
    const what = code === 'CONNECT_TIMEOUT' ? 'no connection could be opened' : 'the database did not answer'
    super(`${what} within ${timeout} ms`)
    this.code = code
  }
}

/** A connection on which a call is under way. */
export interface WatchedConnection {
  /** The process id of its server process, if known. */
  pid(): number | undefined
  /** How many bytes it has received, if known. While this number grows, the connection is not silent. */
  received(): number | undefined
  /** Closes the connection without a farewell. */
  close(): void
}

/** Rejects calls on silent connections. */
export class SilenceWatch {
  readonly timeout: number
  readonly #isWorking: (pid: number) => Promise<boolean>

  /** `isWorking`: asks over a new connection whether the server process works on a statement. Ends it if it does not. */
  constructor(timeout: number, isWorking: (pid: number) => Promise<boolean>) {
    this.timeout = timeout
    this.#isWorking = isWorking
  }

  /** Calls `reject` once the connection is silent. Returns the function that ends the watch. */
  watch(connection: WatchedConnection, reject: (error: SilentDatabaseError) => void): () => void {
    let isOver = false
    let received = connection.received()
    let timer: NodeJS.Timeout
    const look = async () => {
      const before = received
      received = connection.received()
      if (received === before && !(await this.#isAlive(connection))) {
        if (isOver) return
        isOver = true
        reject(new SilentDatabaseError('SILENT_CONNECTION', this.timeout))
        connection.close()
      }
      if (!isOver) timer = setTimeout(look, this.timeout)
    }
    timer = setTimeout(look, this.timeout)
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }

  async #isAlive(connection: WatchedConnection): Promise<boolean> {
    const pid = connection.pid()
    return pid !== undefined && this.#isWorking(pid).catch(() => false)
  }
}

/**
 * Asks whether a server process works on a statement of this role, and ends the process if it does not: it may hold
 * locks in a transaction that nobody will end. Without the right to see the process there is no row.
 */
export const isWorkingQuery = `select p.is_working::text as working,
  case when not p.is_working then pg_terminate_backend(p.pid) end::text as ended
from (
  select a.pid, a.state = 'active' and a.wait_event_type is distinct from 'Client' as is_working
  from pg_stat_activity a
  where a.pid = $1::int and a.datname = current_database() and a.usename = session_user
) p`
