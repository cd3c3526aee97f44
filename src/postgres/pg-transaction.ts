/**
 * A transaction on a client of the `pg` driver. Each flight to the server costs both sides tens of microseconds, so a
 * late `begin` goes with the first statement, and `runAndCommit` sends `commit` with the last one:
 *
 *     begin ──► statement ──► … ──► statement ──► commit        at once
 *     begin, statement ──► … ──► statement, commit              late, with `runAndCommit`
 *
 * If the connection is lost in the first flight, nothing is committed. If it is lost in the last one, the outcome is as
 * unknown as that of a `commit` of its own, and the caller gets the same error.
 */
import {
  maxIdleMilliseconds,
  type Parameters,
  type Row,
  type ScriptSession,
  transactionMode,
} from './client.ts'
import { isConnectionLost, isIdleEnd } from './errors.ts'
import { type ClientState, fromPgClient, type PgClient, parseValue, runQuery, watched } from './from-pg.ts'
import { type BatchStatement, canBatch, PgBatch } from './pg-batch.ts'
import { type SilenceWatch, transactionProcessQuery } from './silence.ts'
import { statementOf } from './statements.ts'

export interface TransactionOptions {
  readonly prepare: boolean
  readonly silence: SilenceWatch
  /** See `Database.transaction`. */
  readonly begin: 'at once' | 'late' | undefined
}

const command = (name: string, text: string): BatchStatement => ({
  ...statementOf(name, text),
  values: [],
  isCommand: true,
})
const setIdle = `set local idle_in_transaction_session_timeout = ${maxIdleMilliseconds}`
const begin = `begin ${transactionMode}`
const beginning = [command('begin', begin), command('set_idle', setIdle)]
const commit = command('commit', 'commit')

/**
 * The clients that are connected to the server itself. Behind a pooler, the watch must know the server process before it
 * watches a statement, so that `begin` must have an answer of its own.
 */
const directClients = new WeakSet<object>()

export async function inTransaction<T>(
  client: PgClient & ClientState,
  options: TransactionOptions,
  work: (session: ScriptSession) => Promise<T>,
): Promise<T> {
  // The server may end an idle transaction, when no query waits for an answer. Then only this event says why.
  let idleEnd: Error | undefined
  const noteEnd = (error: Error) => {
    if (isIdleEnd(error)) idleEnd = error
  }
  client.on('error', noteEnd)
  try {
    const isLate = options.begin === 'late' && canBatch(client) && directClients.has(client)
    return await (isLate ? inLateTransaction : inOpenTransaction)(client, options, work)
  } catch (error) {
    throw idleEnd !== undefined && isConnectionLost(error) ? idleEnd : error
  } finally {
    client.removeListener('error', noteEnd)
  }
}

async function inOpenTransaction<T>(
  client: PgClient & ClientState,
  { prepare, silence }: TransactionOptions,
  work: (session: ScriptSession) => Promise<T>,
): Promise<T> {
  const [process] = await runQuery(
    client,
    { text: `${begin}; ${setIdle}; ${transactionProcessQuery}` },
    silence,
  )
  const watch = silence.inTransaction(process, client.processID ?? undefined)
  if (watch === silence) directClients.add(client)
  return new OpenTransaction(client, prepare, watch).perform(work)
}

async function inLateTransaction<T>(
  client: PgClient & ClientState,
  { prepare, silence }: TransactionOptions,
  work: (session: ScriptSession) => Promise<T>,
): Promise<T> {
  const transaction = new OpenTransaction(client, prepare, silence)
  transaction.isBegun = false
  return transaction.perform(work)
}

class OpenTransaction {
  isBegun = true
  #isCommitted = false
  /** The error of `begin` itself. It is not one of the work's. */
  #beginFailure: { readonly error: unknown } | undefined
  readonly #client: PgClient & ClientState
  readonly #prepare: boolean
  readonly #watch: SilenceWatch

  constructor(client: PgClient & ClientState, prepare: boolean, watch: SilenceWatch) {
    this.#client = client
    this.#prepare = prepare
    this.#watch = watch
  }

  async perform<T>(work: (session: ScriptSession) => Promise<T>): Promise<T> {
    try {
      const result = await work(this.#session())
      if (this.isBegun && !this.#isCommitted) await runQuery(this.#client, { text: 'commit' }, this.#watch)
      return result
    } catch (error) {
      // The rollback fails on a lost connection. The transaction has then ended anyway.
      if (this.isBegun) await runQuery(this.#client, { text: 'rollback' }, this.#watch).catch(() => {})
      throw this.#beginFailure === undefined ? error : this.#beginFailure.error
    }
  }

  #session(): ScriptSession {
    const session = fromPgClient(this.#client, this.#prepare, this.#watch)
    return {
      ...session,
      run: (statement, values) =>
        this.isBegun ? session.run(statement, values) : this.#beginWith({ ...statement, values }),
      ...(canBatch(this.#client) && {
        runAndCommit: async (statement, values: Parameters) => {
          const [rows] = await this.#send([{ ...statement, values }, commit])
          this.#isCommitted = true
          return rows as readonly Row[]
        },
      }),
    }
  }

  async #beginWith(statement: BatchStatement): Promise<readonly Row[]> {
    this.isBegun = true
    const results = await this.#send([...beginning, statement], (done, error) => {
      if (done < beginning.length) this.#beginFailure = { error }
    })
    return results[beginning.length] as readonly Row[]
  }

  /** `onError`: receives how many statements have succeeded before the error. */
  #send(
    statements: readonly BatchStatement[],
    onError?: (done: number, error: unknown) => void,
  ): Promise<readonly (readonly Row[])[]> {
    let batch: PgBatch | undefined
    const sent = watched<readonly (readonly Row[])[]>(this.#client, this.#watch, (settle) => {
      batch = new PgBatch(this.#client, statements, this.#prepare, parseValue, (error, results = []) =>
        settle(error, results),
      )
      this.#client.query(batch)
    })
    return sent.catch((error: unknown) => {
      onError?.(batch?.done ?? 0, error)
      throw error
    })
  }
}
