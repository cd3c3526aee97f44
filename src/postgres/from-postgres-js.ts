/** The `postgres` driver (postgres.js). */
import { refuse } from '../storage/index.ts'
import {
  type Database,
  type Listener,
  maxIdleMilliseconds,
  type Row,
  type ScriptSession,
  type Session,
  transactionMode,
} from './client.ts'

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
function fromPostgresJsSession(sql: PostgresJsSession, prepare = true): ScriptSession {
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

/** Makes a database of a postgres.js client. Its own options say how many connections it opens. */
export function fromPostgresJs(sql: PostgresJs, prepare: boolean): Database {
  return {
    run(statement, parameters, signal) {
      signal?.throwIfAborted()
      return fromPostgresJsSession(sql, prepare).run(statement, parameters)
    },
    transaction(work, signal) {
      signal?.throwIfAborted()
      return sql.begin(transactionMode, async (transaction) => {
        await transaction.unsafe(`set local idle_in_transaction_session_timeout = ${maxIdleMilliseconds}`)
        return work(fromPostgresJsSession(transaction, prepare))
      })
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
