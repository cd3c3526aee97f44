/** How a statement is run: when it is tried again, and in which kind of transaction. */
import { pause, ReadOnlyReplicaError, StoreUnavailableError, TransactionOverError } from '../storage/index.ts'
import type { Database, Listener, Parameters, Row, Session, Statement } from './client.ts'
import {
  isAnswerLost,
  isEventIdTaken,
  isReplicas,
  isServers,
  isSilence,
  isTransient,
  isUnsupported,
  isWrongMode,
  toKnownError,
  toLastError,
  WorkFailure,
} from './errors.ts'

export interface Runner {
  /**
   * Runs a statement; `parameters` are told whether it may have been run before.
   * @throws StoreUnavailableError, ReadOnlyReplicaError, StorageError and the other errors of `toKnownError`
   */
  run(
    what: string,
    statement: Statement,
    parameters: (retried: boolean) => Parameters,
    signal?: AbortSignal,
  ): Promise<readonly Row[]>
  /**
   * Commits what `work` does, or rolls it back if it throws. Whatever it throws comes out as it is, unless a statement
   * of it has failed in passing: then all of it is done again, up to so many times, and in the end that is a
   * StoreUnavailableError. `retried`: it may have been committed before.
   */
  transaction<T>(
    what: string,
    work: (session: Session, retried: boolean) => Promise<T>,
    retry: 'never' | 'if transient',
    signal?: AbortSignal,
  ): Promise<T>
  close(): Promise<void>
}

/** A database that is opened when first needed, and used again after passing troubles. */
export class RetryingDatabase {
  readonly #open: () => Promise<Database>
  readonly #retries: number
  #opening: Promise<Database> | undefined
  #answered = false
  #isClosed = false

  constructor(open: () => Promise<Database>, retries: number) {
    this.#open = open
    this.#retries = retries
  }

  /** Does the work, and again while it fails in a way that may pass. The work must be safe to be done twice. */
  async use<T>(
    what: string,
    work: (database: Database, attempt: number) => Promise<T>,
    signal?: AbortSignal,
    retries: number = this.#retries,
  ): Promise<T> {
    let mayBeDone = false
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await work(await this.#opened(), attempt)
        this.#answered = true
        return result
      } catch (error) {
        signal?.throwIfAborted()
        // What the server says of this try does not tell what became of one whose answer was lost.
        const unknown = () =>
          mayBeDone && isServers(error) && new StoreUnavailableError(what, attempt - 1, error)
        if (!isTransient(error)) throw unknown() || toKnownError(what, error)
        // If nothing was ever heard of the server, its address is rather wrong than its connection bad. And what is left
        // to do when the database is closed (a last notification) must not keep the process alive.
        const most = this.#isClosed || (isSilence(error) && !this.#answered) ? 0 : retries
        if (attempt > most) throw unknown() || toLastError(what, attempt - 1, error)
        mayBeDone ||= isAnswerLost(error)
        await pause(attempt, signal)
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

  /** See `Database.listen`. Not tried again. */
  async listen(channel: string, onNotified: (payload: string) => void): Promise<Listener | undefined> {
    return (await this.#opened()).listen?.(channel, onNotified)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const database = await this.#opening?.catch(() => undefined)
    await database?.close()
  }
}

/**
 * Runs each statement in a transaction of its own, and again after passing troubles. That is safe because every
 * statement of this adapter is: reads change nothing, and writes recognise what they did before.
 */
export function retryingRunner(
  database: RetryingDatabase,
  prepare: (database: Database) => Promise<void>,
): Runner {
  let preparing: Promise<void> | undefined
  // Set once the session's defaults are found not to be what the functions need; one trip becomes three.
  let explicitly = false

  async function prepared(database: Database): Promise<void> {
    preparing ??= prepare(database)
    await preparing.catch((error: unknown) => {
      preparing = undefined
      throw error
    })
  }

  return {
    run(what, statement, parameters, signal) {
      return unwrapped(
        database.use(
          what,
          async (database, attempt) => {
            await prepared(database)
            const values = parameters(attempt > 1)
            const explicit = () => database.transaction((session) => session.run(statement, values), signal)
            if (explicitly) return explicit()
            try {
              return await database.run(statement, values, signal)
            } catch (error) {
              if (!isWrongMode(error)) throw error
              const result = await explicit().catch((second: unknown) => {
                throw isUnsupported(second) ? new ReadOnlyReplicaError(second) : second
              })
              // Not if it was a replica, which may be promoted.
              explicitly = true
              return result
            }
          },
          signal,
        ),
      )
    },
    async transaction(what, work, retry, signal) {
      return unwrapped(
        database.use(
          what,
          async (database, attempt) => {
            await prepared(database)
            const done = database.transaction(
              (session) => withSession(what, session, (own) => work(own, attempt > 1)),
              signal,
            )
            // The failures of the work come wrapped.
            return done.catch((error: unknown) => {
              throw isUnsupported(error) ? new ReadOnlyReplicaError(error) : error
            })
          },
          signal,
          retry === 'never' ? 0 : undefined,
        ),
      )
    },
    close: () => database.close(),
  }
}

/**
 * Runs statements in the caller's transaction. Nothing is tried again: whether to is the caller's to say. But as
 * the caller may be trying again already, and an error would end the transaction, repeats are always looked for.
 */
export function sessionRunner(session: Session): Runner {
  let last: Promise<unknown> = Promise.resolve()
  return {
    async run(what, statement, parameters) {
      try {
        return await session.run(statement, parameters(true))
      } catch (error) {
        throw isTransient(error) ? toLastError(what, 0, error) : toKnownError(what, error)
      }
    },
    async transaction(what, work) {
      const turn = last.then(() =>
        inSavepoint(session, () => withSession(what, session, (own) => work(own, true))),
      )
      last = turn.catch(() => {})
      return turn.catch((error: unknown) => {
        if (error instanceof WorkFailure) throw error.thrown
        throw isTransient(error) ? toLastError(what, 0, error) : error
      })
    },
    async close() {},
  }
}

/**
 * Takes back what the work did if it throws, whatever the caller makes of the error: events without their documents must
 * not be committed. One after the other, as a savepoint takes back all that came after it.
 */
async function inSavepoint<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.query('savepoint eventsourced', [])
  try {
    const result = await work()
    await session.query('release savepoint eventsourced', [])
    return result
  } catch (error) {
    // Fails on a lost connection, with which the transaction has ended anyway.
    await session.query('rollback to savepoint eventsourced', []).catch(() => {})
    throw error
  }
}

async function unwrapped<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof WorkFailure ? error.thrown : error
  }
}

/**
 * Does the work of a transaction. A statement that fails in passing takes the transaction with it, whatever the work
 * makes of that; anything else that the work throws is not the database's failure.
 */
async function withSession<T>(
  what: string,
  session: Session,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  let lost: { readonly error: unknown } | undefined
  let isOver = false
  // Its connection may be in somebody else's transaction by now, or in none.
  function checkOpen(): void {
    if (isOver) throw new TransactionOverError()
  }
  async function watched(
    ask: () => Promise<readonly Row[]>,
    mayPass: (error: unknown) => boolean = isTransient,
  ): Promise<readonly Row[]> {
    try {
      return await ask()
    } catch (error) {
      if (mayPass(error)) lost ??= { error }
      throw error
    }
  }
  const own: Session = {
    client: session.client,
    async run(statement, parameters) {
      checkOpen()
      return watched(() => session.run(statement, parameters)).catch((error: unknown) => {
        throw isTransient(error) ? error : toKnownError(what, error)
      })
    },
    async query(text, values) {
      checkOpen()
      // On a replica this transaction could not have begun: what is said like that is the user's own doing.
      return watched(
        () => session.query(text, values),
        (error) => isTransient(error) && !isReplicas(error),
      )
    },
  }
  try {
    const result = await work(own)
    if (lost !== undefined) throw lost.error
    return result
  } catch (error) {
    throw lost === undefined ? new WorkFailure(error) : lost.error
  } finally {
    isOver = true
  }
}

/** Calls a function that writes; once more if an id was taken meanwhile, so that it looks whether by a repeat. */
export async function runWrite(
  runner: Runner,
  what: string,
  statement: Statement,
  parameters: (retried: boolean) => Parameters,
  signal: AbortSignal | undefined,
): Promise<Row> {
  try {
    return (await runner.run(what, statement, parameters, signal))[0] as Row
  } catch (error) {
    if (!isEventIdTaken(error)) throw error
    return (await runner.run(what, statement, () => parameters(true), signal))[0] as Row
  }
}
