/** The `postgres` driver (postgres.js). */
import {
  type Database,
  type Listener,
  longestIdle,
  type Row,
  type ScriptSession,
  transactionMode,
} from './client.ts'

/** The part of a postgres.js transaction that is used. */
export interface PostgresJsSession {
  // biome-ignore lint/suspicious/noExplicitAny: the driver's parameter type is a union that depends on its types
  unsafe(query: string, parameters?: any[], options?: { prepare?: boolean }): PromiseLike<unknown>
}

/** The part of `postgres()` that is used. */
export interface PostgresJs extends PostgresJsSession {
  // biome-ignore lint/suspicious/noExplicitAny: a transaction's type depends on the client's own type parameters
  begin(options: string, work: (transaction: any) => Promise<any>): Promise<any>
  readonly options?: object | undefined
}

export function fromPostgresJsSession(sql: PostgresJsSession, prepare = true): ScriptSession {
  return {
    async run({ text }, parameters) {
      // Every parameter is declared as text in the statement, so that the driver sends strings as they are.
      const rows = (await sql.unsafe(text, [...parameters], { prepare })) as (Row | undefined)[]
      // After a connection was lost within an answer, the driver leaves a gap before the next answer's rows.
      return Array.from(rows).filter((row) => row !== undefined)
    },
    query: async (text, values) => Array.from((await sql.unsafe(text, [...values])) as Row[]),
    client: sql,
    async runScript(text) {
      await sql.unsafe(text)
    },
  }
}

export function fromPostgresJs(sql: PostgresJs, prepare: boolean): Database {
  return {
    run(statement, parameters, signal) {
      signal?.throwIfAborted()
      return fromPostgresJsSession(sql, prepare).run(statement, parameters)
    },
    transaction(work, signal) {
      signal?.throwIfAborted()
      return sql.begin(transactionMode, async (transaction) => {
        await transaction.unsafe(`set local idle_in_transaction_session_timeout = ${longestIdle}`)
        return work(fromPostgresJsSession(transaction, prepare))
      })
    },
    listen: (channel, onNotified) => listen(sql, channel, onNotified),
    async close() {},
  }
}

/**
 * On a client of its own with the same options: the driver's own `listen` gives up for good when it cannot connect again
 * at once.
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
