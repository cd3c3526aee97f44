/** Runs statements: decides whether to retry a failed one, and in which kind of transaction it runs. */
import {
  LockTimeoutError,
  type Metric,
  NotInTransactionError,
  pause,
  ReadOnlyReplicaError,
  reasonOf,
  StoreUnavailableError,
  TransactionIdleError,
  TransactionOverError,
} from '../storage/index.ts'
import {
  type Database,
  type Listener,
  maxIdleMilliseconds,
  type Parameters,
  type Row,
  type Session,
  type Statement,
} from './client.ts'
import {
  endsTransaction,
  isAnswerLost,
  isConnectionLost,
  isEventIdTaken,
  isFeatureNotSupported,
  isIdleEnd,
  isLastConnectionLost,
  isLockUnavailable,
  isOutsideTransaction,
  isRefusal,
  isStillQueued,
  isTransient,
  isUnreachable,
  isWrongMode,
  toKnownError,
  toLastError,
  WorkFailure,
} from './errors.ts'
import {
  type AfterLockTimeout,
  LockGivenUp,
  type LockTimeouts,
  LockWaits,
  sessionLockTimeouts,
  shortLockTimeouts,
} from './lock-wait.ts'
import { Nesting } from './nesting.ts'
import type { Statements } from './statements.ts'

/** Runs the statements of a store, on its own connections or in the caller's transaction. */
export interface Runner {
  /** The values that the caller must pass to a statement with a parameter `lock_timeout`. */
  readonly lockTimeouts: LockTimeouts
  /**
   * Runs a statement. `parameters` receives whether an earlier attempt may have been executed. `afterLockTimeout`: only
   * for a statement with a parameter `lock_timeout`.
   * @throws StoreUnavailableError, ReadOnlyReplicaError, StorageError and the other errors of `toKnownError`
   * @throws LockTimeoutError or LockGivenUp: see `AfterLockTimeout`
   */
  run(
    what: string,
    statement: Statement,
    parameters: (retried: boolean) => Parameters,
    signal?: AbortSignal,
    afterLockTimeout?: AfterLockTimeout,
  ): Promise<readonly Row[]>
  /**
   * Runs `work` in a transaction: commits if it resolves, rolls back if it throws. Rethrows the error that `work`
   * throws, unless one of its statements failed with a transient error. With `'if transient'`, the runner then retries
   * the whole transaction, up to the store's `retries`. `retried`: an earlier attempt may have been committed.
   * @throws StoreUnavailableError after the last attempt that failed with a transient error
   * @throws LockTimeoutError or LockGivenUp: see `AfterLockTimeout`
   */
  transaction<T>(
    what: string,
    work: (session: Session, retried: boolean) => Promise<T>,
    retry: 'never' | 'if transient',
    signal?: AbortSignal,
    afterLockTimeout?: AfterLockTimeout,
  ): Promise<T>
  /** Whether all statements and transactions share one connection, one after the other. */
  hasOneConnection(): boolean
  /** Returns a function that calls another one as a part of the present transaction, in any async context. */
  presentTransaction(): <T>(work: () => T) => T
  /** Closes the connections that the store opened. */
  close(): Promise<void>
}

/** Opens a database on first use, and retries after transient errors. */
export class RetryingDatabase {
  readonly #open: () => Promise<Database>
  readonly #retries: number
  readonly #lockWaits: LockWaits
  readonly #measure: ((metric: Metric) => void) | undefined
  #opening: Promise<Database> | undefined
  #hasAnswered = false
  #isClosed = false
  #retriesEnd = Number.POSITIVE_INFINITY

  /**
   * `timeout`: for how long a call waits for locks that other transactions hold, in milliseconds. `measure`: receives the
   * retries.
   */
  constructor(
    open: () => Promise<Database>,
    retries: number,
    timeout: number,
    measure?: (metric: Metric) => void,
  ) {
    this.#measure = measure
    this.#open = open
    this.#retries = retries
    this.#lockWaits = new LockWaits(timeout)
  }

  /**
   * Runs the work, and retries it while it fails with a transient error. The work must be idempotent. Without
   * `afterLockTimeout`, a lock that is not available (55P03) counts as a transient error: `retries` limits the retries,
   * and not `timeout`.
   */
  async use<T>(
    what: string,
    work: (database: Database, attempt: number) => Promise<T>,
    signal?: AbortSignal,
    retries: number = this.#retries,
    afterLockTimeout?: AfterLockTimeout,
  ): Promise<T> {
    let mayBeExecuted = false
    const lockWait = afterLockTimeout && this.#lockWaits.begin(what)
    for (let attempt = 1; ; ) {
      try {
        const perform = async () => work(await this.#opened(), attempt)
        const result = await (lockWait === undefined ? perform() : lockWait.run(perform))
        this.#hasAnswered = true
        return result
      } catch (error) {
        signal?.throwIfAborted()
        // A refusal of this attempt says nothing about an earlier one whose answer was lost and that may be executed.
        const unknownOutcome = () =>
          ((mayBeExecuted && isRefusal(error)) || isLastConnectionLost(error)) &&
          new StoreUnavailableError(what, attempt - 1, error)
        if (error instanceof LockTimeoutError) {
          const named = new LockTimeoutError(what, error.timeout, { cause: error.cause })
          throw mayBeExecuted ? new StoreUnavailableError(what, attempt - 1, named) : named
        }
        if (lockWait?.isTimeout(error)) {
          const mayGiveUp = isLockUnavailable(error) && !mayBeExecuted
          if (afterLockTimeout === 'give up' && mayGiveUp) throw new LockGivenUp(error)
          await lockWait.pause(error, signal).catch((thrown: unknown) => {
            throw unknownOutcome() || thrown
          })
          continue
        }
        if (!isTransient(error)) throw unknownOutcome() || toKnownError(what, error)
        // If the server has never answered, its address is probably wrong, and retries would only delay the error. And
        // after `close`, work that still runs (a last notification) must not keep the process alive.
        const isEnding = this.#isClosed || performance.now() > this.#retriesEnd
        const neverReached = !this.#hasAnswered && (isUnreachable(error) || isStillQueued(error))
        const maxRetries = isEnding || neverReached ? 0 : retries
        if (attempt > maxRetries) throw unknownOutcome() || toLastError(what, attempt - 1, error)
        mayBeExecuted ||= isAnswerLost(error)
        this.#measure?.({ kind: 'retry', table: '', key: what, reason: reasonOf(error), attempt })
        await pause(attempt++, signal)
      }
    }
  }

  #opened(): Promise<Database> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  /** Calls `Database.listen` once, without retries. */
  async listen(channel: string, onNotified: (payload: string) => void): Promise<Listener | undefined> {
    return (await this.#opened()).listen?.(channel, onNotified)
  }

  /** Retries no call for longer than `milliseconds` from now, so that `close` does not wait for all retries. */
  endRetriesAfter(milliseconds: number): void {
    this.#retriesEnd = performance.now() + milliseconds
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const database = await this.#opening?.catch(() => undefined)
    await database?.close()
  }
}

/**
 * Runs each statement in its own transaction, and retries after transient errors. That is safe because every statement
 * of this adapter is idempotent: reads change nothing, and writes recognize what an earlier attempt wrote.
 *
 * `prepare`: called once, before the first use of the database. If it throws, the next use calls it again.
 */
export function retryingRunner(
  database: RetryingDatabase,
  prepare: (database: Database) => Promise<void>,
  nesting: Nesting = new Nesting(),
): Runner {
  let preparing: Promise<void> | undefined
  // Set when the defaults of the session turn out not to be READ COMMITTED and read-write. From then on every statement
  // runs in an explicit transaction, which takes three round trips instead of one.
  let needsExplicitMode = false

  async function prepared(database: Database): Promise<void> {
    nesting.setConnections(database.connections)
    preparing ??= prepare(database)
    await preparing.catch((error: unknown) => {
      preparing = undefined
      throw error
    })
  }

  return {
    lockTimeouts: shortLockTimeouts,
    run(what, statement, parameters, signal, afterLockTimeout) {
      return unwrapped(
        database.use(
          what,
          async (database, attempt) => {
            await prepared(database)
            const values = parameters(attempt > 1)
            const explicit = () => database.transaction((session) => session.run(statement, values), signal)
            if (needsExplicitMode) return explicit()
            try {
              return await database.run(statement, values, signal)
            } catch (error) {
              if (!isWrongMode(error)) throw error
              const result = await explicit().catch((second: unknown) => {
                throw isFeatureNotSupported(second) ? new ReadOnlyReplicaError(second) : second
              })
              // A replica does not get here: it may be promoted, and then needs no explicit mode.
              needsExplicitMode = true
              return result
            }
          },
          signal,
          undefined,
          afterLockTimeout,
        ),
      )
    },
    async transaction(what, work, retry, signal, afterLockTimeout) {
      return unwrapped(
        database.use(
          what,
          async (database, attempt) => {
            await prepared(database)
            const begin = () =>
              database.transaction(
                (session) =>
                  withGuardedSession(what, session, (guarded) =>
                    nesting.enter(retry === 'never' ? 'handler' : 'inline', () => work(guarded, attempt > 1)),
                  ),
                signal,
                // A handler may use the driver's client before the store's first statement.
                retry === 'never' ? 'at once' : 'late',
              )
            // The transaction of an append needs no other connection, so it ends without help.
            const done = retry === 'never' ? nesting.withConnection(signal, begin) : begin()
            // Errors of the work come as `WorkFailure`. A bare 0A000 therefore comes from `begin`, on a replica.
            return done.catch((error: unknown) => {
              // Only the work can let a transaction be idle. It would do so again, so this is a failure of the work.
              if (isIdleEnd(error))
                throw new WorkFailure(new TransactionIdleError(maxIdleMilliseconds, error))
              throw isFeatureNotSupported(error) ? new ReadOnlyReplicaError(error) : error
            })
          },
          signal,
          retry === 'never' ? 0 : undefined,
          afterLockTimeout,
        ),
      )
    },
    hasOneConnection: () => nesting.hasOneConnection,
    presentTransaction: () => nesting.present(),
    close: () => database.close(),
  }
}

/**
 * Runs statements in the caller's transaction. It never retries: only the caller can retry the whole transaction.
 *
 * The caller may already be retrying, and an error would abort the transaction. So every write first checks whether it
 * is a repeat.
 *
 * Asks the server before each write whether the session is in a transaction: the caller may have passed a connection
 * that is in none, or may use the store after the end. A read does no harm then, so the runner asks before the first
 * one only.
 */
export function sessionRunner(session: Session, statements: Statements): Runner {
  const { readStream, readStreams, streamInfo, findEvents } = statements
  const reads = new Set([readStream, readStreams, streamInfo, findEvents])
  let last: Promise<unknown> = Promise.resolve()
  let hasAsked = false

  async function requireTransaction(what: string): Promise<void> {
    await session.run(statements.requireTransaction, []).catch((error: unknown) => {
      throw isOutsideTransaction(error) ? new NotInTransactionError(what, error) : error
    })
    hasAsked = true
  }

  return {
    lockTimeouts: sessionLockTimeouts,
    async run(what, statement, parameters) {
      try {
        if (!hasAsked || !reads.has(statement)) await requireTransaction(what)
        return await session.run(statement, parameters(true))
      } catch (error) {
        // The bridge to an ORM notices the end of the transaction before a read, too.
        if (isOutsideTransaction(error)) throw new NotInTransactionError(what, error)
        throw isTransient(error) ? toLastError(what, 0, error) : toKnownError(what, error)
      }
    },
    async transaction(what, work) {
      const turn = last.then(async () => {
        await requireTransaction(what)
        return inSavepoint(session, () => withGuardedSession(what, session, (guarded) => work(guarded, true)))
      })
      last = turn.catch(() => {})
      return turn.catch((error: unknown) => {
        if (error instanceof WorkFailure) throw error.thrown
        throw isTransient(error) ? toLastError(what, 0, error) : error
      })
    },
    hasOneConnection: () => true,
    presentTransaction: () => (work) => work(),
    async close() {},
  }
}

/**
 * Rolls back to a savepoint if the work throws. The caller may catch the error and commit, and must then not commit
 * events without their documents. The work runs serially, because a rollback to a savepoint undoes everything after it.
 */
async function inSavepoint<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.query('savepoint eventsourced', [])
  try {
    const result = await work()
    await session.query('release savepoint eventsourced', [])
    return result
  } catch (error) {
    // The rollback fails on a lost connection. The transaction has then ended anyway.
    await session.query('rollback to savepoint eventsourced', []).catch(() => {})
    throw error
  }
}

/** Rethrows the error of the work itself in place of a `WorkFailure`. */
async function unwrapped<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof WorkFailure ? error.thrown : error
  }
}

/**
 * Runs the work of a transaction. If a statement of the library fails with a transient error, or one of the user's ends
 * the transaction, the transaction fails with that error, even if the work catches it. Any other error of the work is
 * thrown as a `WorkFailure`.
 *
 * If a later statement succeeds, the error has not ended the transaction: the work has rolled back to a savepoint.
 */
async function withGuardedSession<T>(
  what: string,
  session: Session,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  let transient: { readonly error: unknown } | undefined
  let isOver = false
  // After the end, the connection may already be in another caller's transaction, or in none.
  function checkOpen(): void {
    if (isOver) throw new TransactionOverError()
  }
  async function watched(
    ask: () => Promise<readonly Row[]>,
    isRetryable: (error: unknown) => boolean,
  ): Promise<readonly Row[]> {
    const before = transient
    try {
      const rows = await ask()
      // A driver that reconnects may answer after a lost connection, but not within this transaction. And an error that
      // came while this statement ran may have come after it.
      if (transient === before && !isConnectionLost(before?.error)) transient = undefined
      return rows
    } catch (error) {
      if (isRetryable(error)) transient ??= { error }
      throw error
    }
  }
  async function runOwn(ask: () => Promise<readonly Row[]>): Promise<readonly Row[]> {
    checkOpen()
    return watched(ask, isTransient).catch((error: unknown) => {
      throw isTransient(error) ? error : toKnownError(what, error)
    })
  }
  const { runAndCommit } = session
  const guarded: Session = {
    client: session.client,
    run: (statement, parameters) => runOwn(() => session.run(statement, parameters)),
    ...(runAndCommit && {
      async runAndCommit(statement, parameters) {
        if (transient !== undefined) throw transient.error
        return runOwn(() => runAndCommit(statement, parameters))
      },
    }),
    async query(text, values) {
      checkOpen()
      return watched(() => session.query(text, values), endsTransaction)
    },
  }
  try {
    const result = await work(guarded)
    if (transient !== undefined) throw transient.error
    return result
  } catch (error) {
    throw transient === undefined ? new WorkFailure(error) : transient.error
  } finally {
    isOver = true
  }
}

/**
 * Calls a function that writes. If an event id is taken, calls it once more so that it checks whether the call is a
 * repeat.
 */
export async function runWrite(
  runner: Runner,
  what: string,
  statement: Statement,
  parameters: (retried: boolean) => Parameters,
  signal: AbortSignal | undefined,
  afterLockTimeout: AfterLockTimeout,
): Promise<Row> {
  try {
    return (await runner.run(what, statement, parameters, signal, afterLockTimeout))[0] as Row
  } catch (error) {
    if (!isEventIdTaken(error)) throw error
    return (await runner.run(what, statement, () => parameters(true), signal, afterLockTimeout))[0] as Row
  }
}
