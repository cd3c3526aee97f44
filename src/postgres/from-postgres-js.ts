/** The `postgres` driver (postgres.js). */
import { ConnectionNotOpenError, driverError, refuse } from '../storage/index.ts'
import {
  type Database,
  type Listener,
  maxIdleMilliseconds,
  type Row,
  type ScriptSession,
  type Session,
  transactionMode,
} from './client.ts'
import { isOverloaded } from './errors.ts'
import {
  type ProcessState,
  processState,
  processStateParameters,
  processStateQuery,
  type ServerProcess,
  SilenceWatch,
  transactionProcessQuery,
  type WatchedConnection,
} from './silence.ts'

/** The part of a postgres.js transaction that the store uses. */
export interface PostgresJsSession {
  // biome-ignore lint/suspicious/noExplicitAny: the driver's parameter type is a union that depends on its types
  unsafe(query: string, parameters?: any[], options?: { prepare?: boolean }): PromiseLike<unknown>
}

/** The part of `postgres()` that the store uses. */
export interface PostgresJs extends PostgresJsSession {
  // biome-ignore lint/suspicious/noExplicitAny: a transaction's type depends on the client's own type parameters
  begin(options: string, work: (transaction: any) => Promise<any>): Promise<any>
  readonly options?: object | undefined
}

/** A query that was sent has the server process of its connection. */
interface SentQuery extends PromiseLike<unknown> {
  readonly state?: { readonly pid?: number | null } | null | undefined
}

/** Settles like the query, or rejects once its connection is silent. */
type Watched = (query: SentQuery) => PromiseLike<unknown>

/** Makes a session of a postgres.js transaction. */
function fromPostgresJsSession(
  sql: PostgresJsSession,
  prepare = true,
  watched: Watched = (query) => query,
): ScriptSession {
  return {
    async run({ text }, parameters) {
      // The statements declare every parameter as text, so that the driver sends the strings unchanged.
      const query = sql.unsafe(text, [...parameters], { prepare })
      const rows = (await watched(query)) as (Row | undefined)[]
      // If a connection is lost in the middle of an answer, the driver leaves a gap before the rows of the next answer.
      return Array.from(rows).filter((row) => row !== undefined)
    },
    query: async (text, values) => Array.from((await watched(sql.unsafe(text, [...values]))) as Row[]),
    client: sql,
    async runScript(text) {
      await watched(sql.unsafe(text))
    },
  }
}

/** The client answers so to every call after its end. */
function nameEnded(error: unknown): never {
  const isEnded = error instanceof Error && 'code' in error && error.code === 'CONNECTION_ENDED'
  throw isEnded ? new ConnectionNotOpenError('postgres.js client', 'ended', error) : error
}

const transformProblem =
  'must be a client of postgres.js without `transform`, which renames or changes what the store reads: give the store a client of its own'

/**
 * Refuses a client that changes columns, values or rows.
 * @throws InvalidInputError
 */
export function checkTransform(sql: PostgresJs): void {
  const { transform } = (sql.options ?? {}) as {
    readonly transform?: Readonly<Record<'column' | 'value' | 'row', { readonly from?: unknown } | undefined>>
  }
  for (const part of ['column', 'value', 'row'] as const) {
    if (typeof transform?.[part]?.from === 'function') refuse('connection', transformProblem, sql)
  }
}

/**
 * Makes a session of the caller's transaction. It does not show the options of its client, so the first statement looks
 * whether the driver renames columns.
 */
export function fromCallersTransaction(sql: PostgresJsSession, prepare: boolean): Session {
  const session = fromPostgresJsSession(sql, prepare)
  let checking: Promise<void> | undefined
  async function check(): Promise<void> {
    const [row] = (await sql.unsafe('select 1 as column_name')) as Row[]
    if (row !== undefined && !('column_name' in row)) refuse('transaction', transformProblem, sql)
  }
  return {
    ...session,
    async run(statement, parameters) {
      checking ??= check()
      await checking
      return session.run(statement, parameters)
    },
  }
}

/**
 * Makes a database of a postgres.js client. Its own options say how many connections it opens.
 *
 * The driver cannot close one connection, and sends further queries on a silent one. So once a connection is silent,
 * the store uses a client of its own with the same options.
 */
export function fromPostgresJs(sql: PostgresJs, prepare: boolean, timeout: number): Database {
  const { max = 10 } = (sql.options ?? {}) as { readonly max?: number }
  let current = sql
  let replacement: { end(options: { timeout: number }): Promise<void> } | undefined
  const silence = new SilenceWatch(timeout, (...asked) => stateOf(sql, timeout, ...asked))

  async function replace(silent: PostgresJs): Promise<void> {
    if (silent !== current) return
    const { default: postgres } = await loadPostgresJs()
    if (silent !== current) return
    const former = replacement
    const client = postgres({ ...sql.options })
    replacement = client
    current = client
    await former?.end({ timeout: timeout / 1000 })
  }

  function connectionOf(
    client: PostgresJs,
    pid: () => number | undefined,
    isQueued = () => false,
  ): WatchedConnection {
    return { pid, isQueued, received: () => undefined, close: () => void replace(client).catch(() => {}) }
  }

  /** Makes a function that watches the queries of a client. `onSilent`: called in addition, with the error. */
  function watchedOn(
    client: PostgresJs,
    watch = silence,
    onSilent: (error: Error) => void = () => {},
  ): Watched {
    return (query) =>
      new Promise((resolve, reject) => {
        const pid = () => query.state?.pid ?? undefined
        // The driver sets the state of a query when it sends the query.
        const isQueued = () => query.state === null
        const endWatch = watch.watch(connectionOf(client, pid, isQueued), (error) => {
          reject(error)
          onSilent(error)
        })
        query.then(
          (rows) => {
            endWatch()
            resolve(rows)
          },
          (error: unknown) => reject(endWatch(error)),
        )
      })
  }

  /**
   * Commits, and begins an empty transaction, whose end is left to the driver. The driver's own commit has two faults:
   * - It is a prepared statement. Behind a pooler without prepared statements it fails, the driver sends it again, the
   *   server then rolls back, and the driver reports a success.
   * - The driver refuses it after any failed statement, also one after which the work rolled back to a savepoint.
   */
  async function commit(transaction: PostgresJsSession, watched: Watched): Promise<void> {
    const { command } = (await watched(transaction.unsafe('commit and chain'))) as {
      readonly command?: string
    }
    if (command !== 'COMMIT') throw new Error(`the server answered the commit with ${command}`)
  }

  /** Also watches the statements that the driver itself sends: `begin`, and `commit` or `rollback`. */
  function transaction<T>(work: (session: ScriptSession) => Promise<T>): Promise<T> {
    const client = current
    return new Promise<T>((resolve, reject) => {
      let failure: Error | undefined
      let pid: number | undefined
      let watch = silence
      let committed: { readonly result: T } | undefined
      const fail = (error: Error) => {
        failure ??= error
        reject(error)
      }
      const watchDriver = () =>
        watch.watch(
          connectionOf(client, () => pid),
          fail,
        )
      let endWatch = watchDriver()
      const done = client.begin(transactionMode, async (transaction: PostgresJsSession) => {
        endWatch()
        try {
          // The call has given up on this connection, which answered late.
          if (failure !== undefined) throw failure
          const setIdle = `set local idle_in_transaction_session_timeout = ${maxIdleMilliseconds}`
          const first: SentQuery = transaction.unsafe(`${setIdle}; ${transactionProcessQuery}`)
          const results = (await watchedOn(client, silence, fail)(first)) as Row[][]
          pid = first.state?.pid ?? undefined
          watch = silence.inTransaction(results.at(-1)?.[0], pid)
          const watched = watchedOn(client, watch, fail)
          const result = await work(fromPostgresJsSession(transaction, prepare, watched))
          await commit(transaction, watched)
          committed = { result }
          return result
        } finally {
          endWatch = watchDriver()
        }
      })
      const settle = (error: unknown) => (committed === undefined ? reject(error) : resolve(committed.result))
      done.then(resolve, settle).then(() => endWatch())
    })
  }

  return {
    connections: max,
    async run(statement, parameters, signal) {
      signal?.throwIfAborted()
      const session = fromPostgresJsSession(current, prepare, watchedOn(current, silence.forStatement()))
      return session.run(statement, parameters).catch(nameEnded)
    },
    async transaction(work, signal) {
      signal?.throwIfAborted()
      return transaction(work).catch(nameEnded)
    },
    listen: (channel, onNotified) => listen(sql, channel, onNotified),
    async close() {
      await replacement?.end({ timeout: 1 })
    },
  }
}

/** Implements `AskProcess`. */
async function stateOf(
  { options }: PostgresJs,
  timeout: number,
  process: ServerProcess,
  endsLockWait: boolean,
): Promise<ProcessState> {
  const { default: postgres } = await loadPostgresJs()
  const own = { max: 1, fetch_types: false, connect_timeout: Math.ceil(timeout / 1000) }
  const sql = postgres({ ...options, ...own } as object)
  const timer = setTimeout(() => void sql.end({ timeout: 0 }), timeout)
  try {
    const [row] = await sql.unsafe(processStateQuery, processStateParameters(process, endsLockWait))
    return processState(row as Row | undefined)
  } catch (error) {
    return isOverloaded(error) ? 'working' : 'lost'
  } finally {
    clearTimeout(timer)
    void sql.end({ timeout: 0 })
  }
}

/**
 * Listens on a separate client with the same options. The driver's own `listen` stops permanently if it cannot
 * reconnect at once.
 */
async function listen(
  { options }: PostgresJs,
  channel: string,
  onNotified: (payload: string) => void,
): Promise<Listener> {
  const { default: postgres } = await loadPostgresJs()
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const own = { max: 1, idle_timeout: null, max_lifetime: null, fetch_types: false, onclose: () => end() }
  const onnotify = (_: string, payload: string) => onNotified(payload)
  const sql = postgres({ ...options, ...own, onnotify } as object)
  const close = () => sql.end({ timeout: 0 })
  try {
    await sql.unsafe(`listen ${channel}`)
  } catch (error) {
    await close()
    throw error
  }
  return { ended, close }
}

async function loadPostgresJs() {
  try {
    return await import('postgres')
  } catch (error) {
    throw driverError('postgres', error)
  }
}
