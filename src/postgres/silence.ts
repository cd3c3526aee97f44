/**
 * Ends calls whose connection has gone silent. A network can swallow packets while both ends keep the connection open:
 * without a deadline, a call on it waits without an end.
 *
 *     call ── timeout ──▶ does the server still work on it? ── yes ──▶ wait again
 *                                    │
 *                                    no, or no answer ──▶ end the server's session, close the connection, retry
 *
 * The question goes over a new connection. So silence never ends a call on which the server works. It ends a call whose
 * answer was lost. And if a statement outside of a transaction still waits for a lock, the question cancels it. See
 * docs/decisions/0025-deadlines.md; lock-wait.ts limits how long a write waits for a lock.
 *
 * Behind a pooler, the server process of a connection changes with each transaction, and the driver does not know it.
 * So the store asks for it at the beginning of each transaction that it opens.
 */
import { LockTimeoutError } from '../storage/index.ts'
import type { Row } from './client.ts'
import { isCancelled as isCancelledStatement, stillQueued } from './errors.ts'

type SilenceCode = 'CONNECT_TIMEOUT' | 'SILENT_CONNECTION' | typeof stillQueued

/**
 * The database did not answer in time. The code tells a connection that was never opened (`CONNECT_TIMEOUT`) from one that
 * went silent, and from a statement that still waits in the driver (`stillQueued`).
 */
export class SilentDatabaseError extends Error {
  readonly code: SilenceCode
  constructor(code: SilenceCode, timeout: number) {
    const what =
      code === 'SILENT_CONNECTION' ? 'the database did not answer' : 'no connection could be opened'
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
  /**
   * True if the statement still waits in the driver for a connection. The driver may send it later, so its outcome is
   * unknown. Absent if the driver does not say so.
   */
  isQueued?(): boolean
  /** Closes the connection without a farewell. */
  close(): void
}

/** What the server process does: it works on a statement, its statement was cancelled, or it does nothing more. */
export type ProcessState = 'working' | 'cancelled' | 'lost'

/**
 * Asks over a new connection what the server process does, and ends the process if it works on no statement.
 * `endsLockWait`: cancels its statement if that waits for a lock.
 */
export type AskProcess = (process: ServerProcess, endsLockWait: boolean) => Promise<ProcessState>

/** Rejects calls on silent connections. */
export class SilenceWatch {
  readonly timeout: number
  readonly #ask: AskProcess
  readonly #process: ServerProcess | undefined
  readonly #endsLockWaits: boolean

  /** `process`: the server process to ask about; without it, the one that the connection names. */
  constructor(timeout: number, ask: AskProcess, process?: ServerProcess, endsLockWaits = false) {
    this.timeout = timeout
    this.#ask = ask
    this.#process = process
    this.#endsLockWaits = endsLockWaits
  }

  /** Returns a watch for a statement outside of a transaction. It waits for a lock no longer than the timeout. */
  forStatement(): SilenceWatch {
    return new SilenceWatch(this.timeout, this.#ask, this.#process, true)
  }

  /**
   * Returns a watch for the statements of a transaction. `row`: the answer to `transactionProcessQuery` inside the
   * transaction. `pid`: as in `WatchedConnection`.
   */
  inTransaction(row: Row | undefined, pid: number | undefined): SilenceWatch {
    const process = { pid: Number(row?.pid), transactionStart: String(row?.transaction_start) }
    return process.pid === pid ? this : new SilenceWatch(this.timeout, this.#ask, process)
  }

  /**
   * Calls `reject` once the connection is silent. Returns the function that ends the watch. It takes the error of the
   * call, if there is one, and returns the error for the caller.
   */
  watch(
    connection: WatchedConnection,
    reject: (error: SilentDatabaseError) => void,
  ): (error?: unknown) => unknown {
    let isOver = false
    let isCancelled = false
    let isAsking = false
    let received = connection.received()
    let timer: NodeJS.Timeout
    const look = async () => {
      const before = received
      received = connection.received()
      isAsking = true
      const state = received === before ? await this.#stateOf(connection) : 'working'
      isAsking = false
      if (isOver) return
      isCancelled ||= state === 'cancelled'
      if (state === 'lost') {
        isOver = true
        const code = connection.isQueued?.() === true ? stillQueued : 'SILENT_CONNECTION'
        reject(new SilentDatabaseError(code, this.timeout))
        connection.close()
      }
      if (!isOver) timer = setTimeout(look, this.timeout)
    }
    timer = setTimeout(look, this.timeout)
    return (error) => {
      isOver = true
      clearTimeout(timer)
      // The error may come before the answer to the question that has cancelled the statement.
      const mayBeCancelled = isCancelled || (isAsking && this.#endsLockWaits)
      const isEnd = mayBeCancelled && isCancelledStatement(error)
      return isEnd ? new LockTimeoutError('A call', this.timeout, { cause: error }) : error
    }
  }

  async #stateOf(connection: WatchedConnection): Promise<ProcessState> {
    const pid = connection.pid()
    const process = this.#process ?? (pid === undefined ? undefined : { pid })
    if (process === undefined) return 'lost'
    return this.#ask(process, this.#endsLockWaits).catch(() => 'lost' as const)
  }
}

/** Returns the server process of the present transaction. Behind a pooler, only the server knows it. */
export const transactionProcessQuery = `select pg_backend_pid()::text as pid,
  (extract(epoch from now()) * 1000000)::bigint::text as transaction_start`

/**
 * Asks what a server process of this role does. Ends the process if it works on no statement: it may hold locks in a
 * transaction that nobody will end. Cancels its statement if that waits for a lock and the question says so. Returns no
 * row, and ends nothing, if the role may not see the process, or if the transaction has ended: the process may then
 * serve another client of the pooler.
 *
 * A process that has just answered counts as working: the answer may be on its way, and the next statement too.
 */
export const processStateQuery = `select p.is_working::text as working,
  case when not p.is_working then pg_terminate_backend(p.pid) end::text as ended,
  case when p.is_working and p.waits_for_lock and $3::text::boolean then pg_cancel_backend(p.pid) end::text as cancelled
from (
  select a.pid, a.state = 'active' and a.wait_event_type is not distinct from 'Lock' as waits_for_lock, a.state = 'active' and a.wait_event_type is distinct from 'Client'
    or a.state_change > clock_timestamp() - interval '500 ms' as is_working
  from pg_stat_activity a
  where a.pid = $1::int and a.datname = current_database() and a.usename = session_user
    and ($2::text is null or (extract(epoch from a.xact_start) * 1000000)::bigint::text = $2)
) p`

/** Returns the parameters of `processStateQuery`. */
export function processStateParameters(
  { pid, transactionStart }: ServerProcess,
  endsLockWait: boolean,
): (string | null)[] {
  return [String(pid), transactionStart ?? null, String(endsLockWait)]
}

/** Reads the answer to `processStateQuery`. */
export function processState(row: Row | undefined): ProcessState {
  if (row?.cancelled === 'true') return 'cancelled'
  return row?.working === 'true' ? 'working' : 'lost'
}
