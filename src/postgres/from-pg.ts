/** The `pg` driver: a pool, or one connected client. */
import {
  type Database,
  type Listener,
  longestIdle,
  type Parameters,
  type Row,
  type ScriptSession,
  type Statement,
  transactionMode,
} from './client.ts'
import { isConnectionLost } from './errors.ts'

interface PgQuery {
  name?: string
  text: string
  values?: unknown[]
  types?: { getTypeParser(oid: number): (text: string) => unknown }
}

/** The part of `pg.Client` that is used. */
export interface PgClient {
  query(query: PgQuery, callback: (error: Error, result: { rows: unknown[] }) => void): void
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

interface PooledClient extends PgClient {
  release(error?: Error | boolean): void
}

/** A client of one's own, which can listen. */
interface PgListener extends PgClient {
  connect(): Promise<unknown>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'notification', listener: (message: { payload?: string | undefined }) => void): unknown
  end(): Promise<void>
}

/** The part of `pg.Pool` that is used. */
export interface PgPool {
  readonly totalCount: number
  readonly options?: object | undefined
  readonly Client?: (new (options: never) => PgListener) | undefined
  connect(callback: (error: Error | undefined, client: PooledClient | undefined) => void): void
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
  end(): Promise<void>
}

/** A lost connection shows in the query that meets it; its event needs a listener, or it ends the process. */
const ignoreError = () => {}

const varcharOid = 1043
const asItIs = (text: string) => text

/** For our queries only. JSON is parsed row by row, while the server still makes the next rows. */
const types = { getTypeParser: (oid: number) => (oid === varcharOid ? JSON.parse : asItIs) }

/** By callback: with the driver's promises, each result kept its successor from an early garbage collection. */
function ask(client: PgClient, query: PgQuery): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    client.query(query, (error, result) => {
      if (error) reject(error)
      else resolve(result.rows as Row[])
    })
  })
}

/** Runs statements on a client that is in a transaction, for `inTransaction` too. */
export function fromPgClient(client: PgClient, prepare = true): ScriptSession {
  return {
    run({ name, text }, parameters) {
      const values = [...parameters]
      return ask(client, prepare ? { name, text, values, types } : { text, values, types })
    },
    query: (text, values) => ask(client, { text, values: [...values] }),
    client,
    async runScript(text) {
      await ask(client, { text })
    },
  }
}

export interface FromPgOptions {
  /** Whether statements are prepared by name; poolers in transaction mode may not allow it. */
  readonly prepare: boolean
  /** Whether closing the store ends the pool. */
  readonly owned: boolean
}

export function fromPgPool(pool: PgPool, { prepare, owned }: FromPgOptions): Database {
  pool.on('error', ignoreError)

  /** By callback, which comes at once: with a promise, an error could find the client before its listener does. */
  function connect(): Promise<PooledClient> {
    return new Promise((resolve, reject) => {
      pool.connect((error, client) => {
        if (client === undefined) return reject(error)
        client.on('error', ignoreError)
        resolve(client)
      })
    })
  }

  async function withClient<T>(
    signal: AbortSignal | undefined,
    work: (client: PgClient) => Promise<T>,
  ): Promise<T> {
    const client = await connect()
    let lost = false
    try {
      // Waiting for the connection may have taken long.
      signal?.throwIfAborted()
      return await work(client)
    } catch (error) {
      lost = error !== signal?.reason && isConnectionLost(error)
      throw error
    } finally {
      client.removeListener('error', ignoreError)
      client.release(lost)
    }
  }

  return {
    run: (statement, parameters, signal) =>
      withClient(signal, (client) => fromPgClient(client, prepare).run(statement, parameters)),
    transaction: (work, signal) => withClient(signal, (client) => inTransaction(client, prepare, work)),
    listen: (channel, onNotified) => listen(pool, channel, onNotified),
    async close() {
      // While our own pool ends, its connections may still fail.
      if (owned) await pool.end()
      else pool.removeListener('error', ignoreError)
    },
  }
}

/** One client serves one statement or transaction at a time; the others wait their turn. */
export function fromLoneClient(client: PgClient, prepare: boolean): Database {
  let last: Promise<unknown> = Promise.resolve()
  client.on('error', ignoreError)

  function inTurn<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const turn = last.then(() => {
      signal?.throwIfAborted()
      return work()
    })
    last = turn.catch(() => {})
    return turn
  }

  return {
    run: (statement: Statement, parameters: Parameters, signal) =>
      inTurn(signal, () => fromPgClient(client, prepare).run(statement, parameters)),
    transaction: (work, signal) => inTurn(signal, () => inTransaction(client, prepare, work)),
    async close() {
      await last
      client.removeListener('error', ignoreError)
    },
  }
}

async function inTransaction<T>(
  client: PgClient,
  prepare: boolean,
  work: (session: ScriptSession) => Promise<T>,
): Promise<T> {
  await ask(client, {
    text: `begin ${transactionMode}; set local idle_in_transaction_session_timeout = ${longestIdle}`,
  })
  try {
    const result = await work(fromPgClient(client, prepare))
    await ask(client, { text: 'commit' })
    return result
  } catch (error) {
    // Fails on a lost connection, with which the transaction has ended anyway.
    await ask(client, { text: 'rollback' }).catch(() => {})
    throw error
  }
}

/** On a client of its own, with the options of the pool: a pool's clients come and go. */
async function listen(
  pool: PgPool,
  channel: string,
  onNotified: (payload: string) => void,
): Promise<Listener | undefined> {
  const { Client, options } = pool
  if (Client === undefined) return undefined
  const client = new Client(options as never)
  client.on('error', ignoreError)
  const ended = new Promise<void>((resolve) => client.on('end', resolve))
  client.on('notification', ({ payload = '' }) => onNotified(payload))
  try {
    await client.connect()
    await ask(client, { text: `listen ${channel}` })
  } catch (error) {
    await client.end().catch(ignoreError)
    throw error
  }
  return { ended, close: () => client.end() }
}
