/**
 * Ends calls whose connection has gone silent. A network can swallow packets while both ends keep the connection open:
 * without a deadline, a call on it waits without an end.
 *
 *     call ── timeout ──▶ does the server still work on it? ── yes ──▶ wait again
 *                                    │
 *                                    no, or no answer ──▶ end the server's session, close the connection, retry
 *
 * The question goes over a new connection. So silence never ends a call on which the server works, not even one that
 * waits for a lock. It ends a call whose answer was lost. See docs/decisions/0025-deadlines.md; lock-wait.ts limits how
 * long a write waits for a lock.
 *
 * Behind a pooler, the server process of a connection changes with each transaction, and the driver does not know it.
 * So the store asks for it at the beginning of each transaction that it opens.
 */
import type { Row } from './client.ts'

/** The database did not answer in time. The code tells a connection that was never opened from one that went silent. */
export class SilentDatabaseError extends Error {
  readonly code: 'CONNECT_TIMEOUT' | 'SILENT_CONNECTION'
  constructor(code: 'CONNECT_TIMEOUT' | 'SILENT_CONNECTION', timeout: number) {
    const what = code === 'CONNECT_TIMEOUT' ? 'no connection could be opened' : 'the database did not answer'
    super(`${what} within ${timeout} ms`)
    this.code = code
  }
}

/** The server process that works for a connection. */
export interface ServerProcess {
  readonly pid: number
  /**
   * When its transaction began, in microseconds since 1970. Set behind a pooler only, which may let another client use
   * the process after the transaction.
   */
  readonly transactionStart?: string | undefined
}

/** A connection on which a call is under way. */
export interface WatchedConnection {
  /**
   * The id of the server process, as the driver learned it when the connection was opened, if known. A pooler reports an
   * id that no process has.
   */
  pid(): number | undefined
  /** How many bytes it has received, if known. While this number grows, the connection is not silent. */
  received(): number | undefined
  /** Closes the connection without a farewell. */
  close(): void
}

/** Rejects calls on silent connections. */
export class SilenceWatch {
  readonly timeout: number
  readonly #isWorking: (process: ServerProcess) => Promise<boolean>
  readonly #process: ServerProcess | undefined

  /**
   * `isWorking`: asks over a new connection whether the server process works on a statement, and ends the process if it
   * does not. `process`: the server process to ask about; without it, the one that the connection names.
   */
  constructor(
    timeout: number,
    isWorking: (process: ServerProcess) => Promise<boolean>,
    process?: ServerProcess,
  ) {
    this.timeout = timeout
    this.#isWorking = isWorking
    this.#process = process
  }

  /**
   * Returns a watch for the statements of a transaction. `row`: the answer to `transactionProcessQuery` inside the
   * transaction. `pid`: as in `WatchedConnection`.
   */
  inTransaction(row: Row | undefined, pid: number | undefined): SilenceWatch {
    const process = { pid: Number(row?.pid), transactionStart: String(row?.transaction_start) }
    return process.pid === pid ? this : new SilenceWatch(this.timeout, this.#isWorking, process)
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
    const process = this.#process ?? (pid === undefined ? undefined : { pid })
    return process !== undefined && this.#isWorking(process).catch(() => false)
  }
}

/** Returns the server process of the present transaction. Behind a pooler, only the server knows it. */
export const transactionProcessQuery = `select pg_backend_pid()::text as pid,
  (extract(epoch from now()) * 1000000)::bigint::text as transaction_start`

/**
 * Asks whether a server process works on a statement of this role, and ends the process if it does not: it may hold
 * locks in a transaction that nobody will end. Returns no row, and ends nothing, if the role may not see the process.
 * The same holds if the transaction has ended: the process may then serve another client of the pooler.
 *
 * A process that has just answered counts as working: the answer may be on its way, and the next statement too.
 */
export const isWorkingQuery = `select p.is_working::text as working,
  case when not p.is_working then pg_terminate_backend(p.pid) end::text as ended
from (
  select a.pid, a.state = 'active' and a.wait_event_type is distinct from 'Client'
    or a.state_change > clock_timestamp() - interval '500 ms' as is_working
  from pg_stat_activity a
  where a.pid = $1::int and a.datname = current_database() and a.usename = session_user
    and ($2::text is null or (extract(epoch from a.xact_start) * 1000000)::bigint::text = $2)
) p`

/** Returns the parameters of `isWorkingQuery`. */
export function workingParameters({ pid, transactionStart }: ServerProcess): (string | null)[] {
  return [String(pid), transactionStart ?? null]
}
