/** The `pg` driver: a pool, or one connected client. */
import {
  type Database,
  type Listener,
  maxIdleMilliseconds,
  type Parameters,
  type Row,
  type ScriptSession,
  type Statement,
  transactionMode,
} from './client.ts'
import { isConnectionLost, isIdleEnd } from './errors.ts'

interface PgQuery {
  name?: string
  text: string
  values?: unknown[]
  types?: { getTypeParser(oid: number): (text: string) => unknown }
}

/** The part of `pg.Client` that the store uses. */
export interface PgClient {
  query(query: PgQuery, callback: (error: Error, result: { rows: unknown[] }) => void): void
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

interface PooledClient extends PgClient {
  release(error?: Error | boolean): void
}

/** A client that only the store uses, and that can listen. */
interface PgListener extends PgClient {
  connect(): Promise<unknown>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'notification', listener: (message: { payload?: string | undefined }) => void): unknown
  end(): Promise<void>
}

/** The part of `pg.Pool` that the store uses. */
export interface PgPool {
  readonly totalCount: number
  readonly options?: object | undefined
  readonly Client?: (new (options: never) => PgListener) | undefined
  connect(callback: (error: Error | undefined, client: PooledClient | undefined) => void): void
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
  end(): Promise<void>
}

/** The next query reports a lost connection. The `error` event still needs a listener: without one it ends the process. */
const ignoreError = () => {}

/** How many stores use a pool or a client. They share one listener: Node.js warns about more than ten. */
const users = new WeakMap<object, number>()

/** Ignores the `error` events of a pool or a client. Returns the function that ends that. */
function ignoreErrors(emitter: Pick<PgClient, 'on' | 'removeListener'>): () => void {
  const before = users.get(emitter) ?? 0
  users.set(emitter, before + 1)
  if (before === 0) emitter.on('error', ignoreError)
  return () => {
    const left = (users.get(emitter) ?? 1) - 1
    users.set(emitter, left)
    if (left === 0) emitter.removeListener('error', ignoreError)
  }
}

const varcharOid = 1043
const asText = (text: string) => text

/** Used for the statements of this library only. JSON is parsed row by row, while the server still makes the next rows. */
const types = { getTypeParser: (oid: number) => (oid === varcharOid ? JSON.parse : asText) }

/** Uses a callback: with the driver's promises, each result delayed the garbage collection of the next one. */
function runQuery(client: PgClient, query: PgQuery): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    client.query(query, (error, result) => {
      if (error) reject(error)
      else resolve(result.rows as Row[])
    })
  })
}

/** Makes a session of a client that is inside a transaction: one of the store's, or the caller's. */
export function fromPgClient(client: PgClient, prepare = true): ScriptSession {
  return {
    run({ name, text }, parameters) {
      const values = [...parameters]
      return runQuery(client, prepare ? { name, text, values, types } : { text, values, types })
    },
    query: (text, values) => runQuery(client, { text, values: [...values] }),
    client,
    async runScript(text) {
      await runQuery(client, { text })
    },
  }
}

export interface FromPgOptions {
  /** Whether statements are prepared by name. Some poolers do not allow it in transaction mode. */
  readonly prepare: boolean
  /** Whether the store opened the pool, and so ends it when it closes. */
  readonly owned: boolean
}

/** Makes a database of a pool. */
export function fromPgPool(pool: PgPool, { prepare, owned }: FromPgOptions): Database {
  const heedErrors = ignoreErrors(pool)

  /** Uses a callback, which runs at once. With a promise, an `error` event could come before its listener is added. */
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
      // The caller may have aborted while it waited for a connection.
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

  const { max = 10 } = (pool.options ?? {}) as { readonly max?: number }
  return {
    connections: max,
    run: (statement, parameters, signal) =>
      withClient(signal, (client) => fromPgClient(client, prepare).run(statement, parameters)),
    transaction: (work, signal) => withClient(signal, (client) => inTransaction(client, prepare, work)),
    listen: (channel, onNotified) => listen(pool, channel, onNotified),
    async close() {
      // The listener of our own pool stays: its connections may still fail while the pool ends.
      if (owned) await pool.end()
      else heedErrors()
    },
  }
}

/** The last call of each client: all stores on a client share one queue, or they would get into each other's transactions. */
const lastCalls = new WeakMap<PgClient, Promise<unknown>>()

/** Makes a database of one client. It runs one statement or transaction at a time; the other calls wait in a queue. */
export function fromLoneClient(client: PgClient, prepare: boolean): Database {
  const heedErrors = ignoreErrors(client)

  function inTurn<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const turn = (lastCalls.get(client) ?? Promise.resolve()).then(() => {
      signal?.throwIfAborted()
      return work()
    })
    lastCalls.set(
      client,
      turn.catch(() => {}),
    )
    return turn
  }

  return {
    connections: 1,
    run: (statement: Statement, parameters: Parameters, signal) =>
      inTurn(signal, () => fromPgClient(client, prepare).run(statement, parameters)),
    transaction: (work, signal) => inTurn(signal, () => inTransaction(client, prepare, work)),
    async close() {
      await lastCalls.get(client)
      heedErrors()
    },
  }
}

async function inTransaction<T>(
  client: PgClient,
  prepare: boolean,
  work: (session: ScriptSession) => Promise<T>,
): Promise<T> {
  // The server ends a transaction while no query waits for an answer. Only this event says why it did.
  let idleEnd: Error | undefined
  const noteEnd = (error: Error) => {
    if (isIdleEnd(error)) idleEnd = error
  }
  client.on('error', noteEnd)
  try {
    return await inOpenTransaction(client, prepare, work)
  } catch (error) {
    throw idleEnd !== undefined && isConnectionLost(error) ? idleEnd : error
  } finally {
    client.removeListener('error', noteEnd)
  }
}

async function inOpenTransaction<T>(
  client: PgClient,
  prepare: boolean,
  work: (session: ScriptSession) => Promise<T>,
): Promise<T> {
  await runQuery(client, {
    text: `begin ${transactionMode}; set local idle_in_transaction_session_timeout = ${maxIdleMilliseconds}`,
  })
  try {
    const result = await work(fromPgClient(client, prepare))
    await runQuery(client, { text: 'commit' })
    return result
  } catch (error) {
    // The rollback fails on a lost connection. The transaction has then ended anyway.
    await runQuery(client, { text: 'rollback' }).catch(() => {})
    throw error
  }
}

/** Listens on a separate client with the options of the pool, because a pool closes its idle clients. */
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
    await runQuery(client, { text: `listen ${channel}` })
  } catch (error) {
    await client.end().catch(ignoreError)
    throw error
  }
  return { ended, close: () => client.end() }
}
