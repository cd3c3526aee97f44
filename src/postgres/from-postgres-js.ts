/** The `postgres` driver (postgres.js). */
import { StorageError } from '../storage/index.ts'
import {
  type Database,
  type Listener,
  maxIdleMilliseconds,
  type Row,
  type ScriptSession,
  transactionMode,
} from './client.ts'
import { isConnectionLost, WorkFailure } from './errors.ts'

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

/** Makes a session of a postgres.js transaction. */
export function fromPostgresJsSession(sql: PostgresJsSession, prepare = true): ScriptSession {
  return {
    async run({ text }, parameters) {
      // The statements declare every parameter as text, so that the driver sends the strings unchanged.
      const rows = (await sql.unsafe(text, [...parameters], { prepare })) as (Row | undefined)[]
      // If a connection is lost in the middle of an answer, the driver leaves a gap before the rows of the next answer.
      return Array.from(rows).filter((row) => row !== undefined)
    },
    query: async (text, values) => Array.from((await sql.unsafe(text, [...values])) as Row[]),
    client: sql,
    async runScript(text) {
      await sql.unsafe(text)
    },
  }
}

// The driver refuses to commit after any failed statement, also one that the work caught, and that it rolled back to a
// savepoint. Only its own `savepoint` prevents that. (A failed commit has the same form: its constraints were checked
// before, so hardly anything else can fail there.)
const goingOn = 'Committing after a failed statement, which needs `tx.client.savepoint(…)` with postgres.js,'

/** Makes a database of a postgres.js client. Its own options say how many connections it opens. */
export function fromPostgresJs(sql: PostgresJs, prepare: boolean): Database {
  const { max = 10 } = (sql.options ?? {}) as { readonly max?: number }
  return {
    connections: max,
    run(statement, parameters, signal) {
      signal?.throwIfAborted()
      return fromPostgresJsSession(sql, prepare).run(statement, parameters)
    },
    async transaction(work, signal) {
      signal?.throwIfAborted()
      let isDone = false
      try {
        return await sql.begin(transactionMode, async (transaction) => {
          await transaction.unsafe(`set local idle_in_transaction_session_timeout = ${maxIdleMilliseconds}`)
          const result = await work(fromPostgresJsSession(transaction, prepare))
          isDone = true
          return result
        })
      } catch (error) {
        throw isDone && !isConnectionLost(error) ? new WorkFailure(new StorageError(goingOn, error)) : error
      }
    },
    listen: (channel, onNotified) => listen(sql, channel, onNotified),
    async close() {},
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
  const { default: postgres } = await import('postgres')
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
