/** How a statement is run: when it is tried again, and in which kind of transaction. */
import { StoreUnavailableError } from '../errors.ts'
import { pause } from '../retry.ts'
import type { Database, Parameters, Row, Session, Statement } from './client.ts'
import { isEventIdTaken, isSilence, isTransient, isWrongMode, toKnownError } from './errors.ts'

export interface Runner {
  /**
   * Runs a statement; `parameters` are told whether it may have been run before.
   * @throws StoreUnavailableError, StorageError and the other errors of `toKnownError`
   */
  run(
    what: string,
    statement: Statement,
    parameters: (retried: boolean) => Parameters,
    signal?: AbortSignal,
  ): Promise<readonly Row[]>
  close(): Promise<void>
}

/** A database that is opened when first needed, and used again after passing troubles. */
export class RetryingDatabase {
  readonly #open: () => Promise<Database>
  readonly #attempts: number
  #opening: Promise<Database> | undefined
  #answered = false

  constructor(open: () => Promise<Database>, attempts: number) {
    this.#open = open
    this.#attempts = attempts
  }

  /** Does the work, and again while it fails in a way that may pass. The work must be safe to be done twice. */
  async use<T>(
    what: string,
    work: (database: Database, attempt: number) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await work(await this.#opened(), attempt)
        this.#answered = true
        return result
      } catch (error) {
        signal?.throwIfAborted()
        if (!isTransient(error)) throw toKnownError(what, error)
        // If nothing was ever heard of the server, its address is rather wrong than its connection bad.
        const most = isSilence(error) && !this.#answered ? 1 : this.#attempts
        if (attempt >= most) throw new StoreUnavailableError(what, attempt, error)
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

  async close(): Promise<void> {
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
      return database.use(
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
            explicitly = true
            return explicit()
          }
        },
        signal,
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
  return {
    async run(what, statement, parameters) {
      try {
        return await session.run(statement, parameters(true))
      } catch (error) {
        throw isTransient(error) ? new StoreUnavailableError(what, 1, error) : toKnownError(what, error)
      }
    },
    async close() {},
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
