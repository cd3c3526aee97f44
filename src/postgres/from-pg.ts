/** The `pg` driver: a pool, or one connected client. */
import { ConnectionNotOpenError } from '../storage/index.ts'
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
import { isConnectionLost, isIdleEnd, isOverloaded } from './errors.ts'
import { noteFailure, preparedName } from './prepared-names.ts'
import {
  isWorkingQuery,
  SilenceWatch,
  SilentDatabaseError,
  transactionProcessQuery,
  workingParameters,
} from './silence.ts'

interface PgQuery {
  name?: string
  text: string
  values?: unknown[]
  types?: { getTypeParser(oid: number): (text: string) => unknown }
}

interface PgResult {
  readonly rows: unknown[]
}

/** The part of `pg.Client` that the store uses. */
export interface PgClient {
  query(query: PgQuery, callback: (error: Error, result: PgResult | PgResult[]) => void): void
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
  readonly ending?: boolean | undefined
  readonly options?: object | undefined
  readonly Client?: (new (options: never) => PgListener) | undefined
  connect(callback: (error: Error | undefined, client: PooledClient | undefined) => void): void
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'remove', listener: (client: PgClient) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'remove', listener: (client: PgClient) => void): unknown
  end(): Promise<void>
}

/** Fields of a `pg.Client` that its types do not declare. */
interface ClientState {
  readonly _connecting?: boolean
  readonly _connected?: boolean
  readonly _connectionError?: boolean
  readonly _queryable?: boolean
  readonly _ending?: boolean
  readonly _ended?: boolean
  readonly processID?: number | null
  readonly connection?: { readonly stream?: ClientSocket | undefined } | undefined
}

interface ClientSocket {
  readonly bytesRead?: number | undefined
  destroy?(): void
  unref?(): void
}

const socketOf = (client: ClientState) => client.connection?.stream

/**
 * A client that was never connected keeps its queries until `connect()` is called, without a limit.
 * @throws ConnectionNotOpenError
 */
function checkConnected(client: PgClient & ClientState): void {
  const { _connecting, _connected, _ending } = client
  if (_connecting === false && _connected === false && _ending === false) {
    throw new ConnectionNotOpenError('pg.Client', 'never connected')
  }
}

/** @throws ConnectionNotOpenError if the client can run no query any more */
function checkUsable(client: PgClient & ClientState): void {
  checkConnected(client)
  if (client._ending) throw new ConnectionNotOpenError('pg.Client', 'ended')
  const { _ended, _queryable, _connectionError } = client
  if (_ended || _queryable === false || _connectionError)
    throw new ConnectionNotOpenError('pg.Client', 'lost')
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

/**
 * Runs one statement, or a script of several without values, of which it returns the rows of the last one.
 *
 * Uses a callback: with the driver's promises, each result delayed the garbage collection of the next one.
 */
function runQuery(client: PgClient & ClientState, query: PgQuery, silence?: SilenceWatch): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    checkConnected(client)
    const endWatch = silence?.watch(
      {
        pid: () => client.processID ?? undefined,
        received: () => socketOf(client)?.bytesRead,
        close: () => socketOf(client)?.destroy?.(),
      },
      reject,
    )
    client.query(query, (error, result) => {
      endWatch?.()
      if (error) reject(error)
      else resolve((Array.isArray(result) ? result.at(-1) : result)?.rows as Row[])
    })
  })
}

/** Makes a session of a client that is inside a transaction: one of the store's, or the caller's. */
export function fromPgClient(client: PgClient, prepare = true, silence?: SilenceWatch): ScriptSession {
  return {
    async run({ name, text }, parameters) {
      const query = { text, values: [...parameters], types }
      if (!prepare) return runQuery(client, query, silence)
      return runQuery(client, { ...query, name: preparedName(client, name) }, silence).catch(
        (error: unknown) => {
          noteFailure(client, name)
          throw error
        },
      )
    },
    query: (text, values) => runQuery(client, { text, values: [...values] }, silence),
    client,
    async runScript(text) {
      await runQuery(client, { text }, silence)
    },
  }
}

export interface FromPgOptions {
  /** Whether statements are prepared by name. Some poolers do not allow it in transaction mode. */
  readonly prepare: boolean
  /** Whether the store opened the pool, and so ends it when it closes. */
  readonly owned: boolean
  /** How long the database may be silent before the store closes a connection, in milliseconds. */
  readonly timeout: number
}

/** Makes a watch that asks for server processes with clients that `newClient` makes. */
function silenceWatch(timeout: number, newClient: () => PgListener & ClientState): SilenceWatch {
  return new SilenceWatch(timeout, async (process) => {
    const client = newClient()
    client.on('error', ignoreError)
    const timer = setTimeout(() => socketOf(client)?.destroy?.(), timeout)
    try {
      await client.connect()
      const [row] = await runQuery(client, { text: isWorkingQuery, values: workingParameters(process) })
      return row?.working === 'true'
    } catch (error) {
      // The network works, and the server cannot say more. The next look asks again.
      return isOverloaded(error)
    } finally {
      clearTimeout(timer)
      client.end().catch(ignoreError)
    }
  })
}

/** The clients of a pool that are connecting now. The types of `pg` do not declare the list. */
function connectingClients(
  pool: PgPool & { readonly _clients?: readonly ClientState[] },
): readonly ClientState[] {
  return pool._clients?.filter(({ _connecting }) => _connecting === true) ?? []
}

/**
 * The calls that wait for a connection of a pool. A full pool that is ended drops them without a call of their callbacks.
 * All stores on a pool share the calls, and so one listener.
 */
class WaitingCalls {
  readonly #pool: PgPool
  readonly #refusals = new Set<(error: ConnectionNotOpenError) => void>()

  constructor(pool: PgPool) {
    this.#pool = pool
  }

  add(refuse: (error: ConnectionNotOpenError) => void): void {
    if (this.#refusals.size === 0) this.#pool.on('remove', this.refuseIfEnded)
    this.#refusals.add(refuse)
  }

  delete(refuse: (error: ConnectionNotOpenError) => void): void {
    this.#refusals.delete(refuse)
    if (this.#refusals.size === 0) this.#pool.removeListener('remove', this.refuseIfEnded)
  }

  readonly refuseIfEnded = () => {
    if (!this.#pool.ending) return
    const error = new ConnectionNotOpenError('pg.Pool', 'ended')
    for (const refuse of this.#refusals) refuse(error)
  }
}

const waitingCalls = new WeakMap<PgPool, WaitingCalls>()

/** Makes a database of a pool. */
export function fromPgPool(pool: PgPool, { prepare, owned, timeout }: FromPgOptions): Database {
  const heedErrors = ignoreErrors(pool)
  const { Client, options } = pool
  const silence =
    Client === undefined
      ? new SilenceWatch(timeout, async () => false)
      : silenceWatch(timeout, () => new Client(options as never))

  /** The connecting clients that have a deadline. */
  const limited = new WeakSet<ClientState>()
  const clients = new Set<PgClient & ClientState>()
  if (owned) pool.on('remove', (client) => clients.delete(client))

  const waiting = waitingCalls.get(pool) ?? new WaitingCalls(pool)
  waitingCalls.set(pool, waiting)

  /** Uses a callback, which runs at once. With a promise, an `error` event could come before its listener is added. */
  function connect(): Promise<PooledClient> {
    return new Promise((resolve, reject) => {
      // A connection that comes after the rejection goes back to the pool: otherwise the pool could never end.
      let isRejected = false
      const refuse = (error: Error) => {
        isRejected = true
        endWait()
        reject(error)
      }
      const timer = setTimeout(() => refuse(new SilentDatabaseError('CONNECT_TIMEOUT', timeout)), timeout)
      const endWait = () => {
        clearTimeout(timer)
        waiting.delete(refuse)
      }
      waiting.add(refuse)
      waiting.refuseIfEnded()
      pool.connect((error, client) => {
        endWait()
        if (client === undefined) return reject(error)
        if (owned) clients.add(client)
        if (isRejected) return client.release()
        client.on('error', ignoreError)
        resolve(client)
      })
      limitConnecting()
    })
  }

  /** A pool without a timeout of its own would keep a place for a connection that never opens, also one that no call waits for. */
  function limitConnecting(): void {
    for (const client of connectingClients(pool)) {
      if (limited.has(client)) continue
      limited.add(client)
      setTimeout(() => {
        if (client._connecting) socketOf(client)?.destroy?.()
      }, timeout).unref()
    }
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
      // The place that became free may go to a new connection.
      limitConnecting()
    }
  }

  const { max = 10 } = (pool.options ?? {}) as { readonly max?: number }
  return {
    connections: max,
    run: (statement, parameters, signal) =>
      withClient(signal, (client) => fromPgClient(client, prepare, silence).run(statement, parameters)),
    transaction: (work, signal) =>
      withClient(signal, (client) => inTransaction(client, prepare, silence, work)),
    listen: (channel, onNotified) => listen(pool, channel, onNotified),
    async close() {
      // The listener of our own pool stays: its connections may still fail while the pool ends.
      if (!owned) return heedErrors()
      await pool.end()
      // On a silent network a connection does not end. It must not keep the process alive.
      for (const client of clients) socketOf(client)?.unref?.()
    },
  }
}

/** The last call of each client: all stores on a client share one queue, or they would get into each other's transactions. */
const lastCalls = new WeakMap<PgClient, Promise<unknown>>()

/** Makes a database of one client. It runs one statement or transaction at a time; the other calls wait in a queue. */
export function fromLoneClient(client: PgClient, prepare: boolean, timeout: number): Database {
  const silence = silenceWatch(timeout, () => clientLike(client))
  const heedErrors = ignoreErrors(client)
  let isLost = false

  function inTurn<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const turn = (lastCalls.get(client) ?? Promise.resolve()).then(() => {
      signal?.throwIfAborted()
      checkUsable(client)
      return work()
    })
    lastCalls.set(
      client,
      turn.then(
        () => {},
        (error: unknown) => {
          isLost ||= isConnectionLost(error)
        },
      ),
    )
    return turn
  }

  return {
    connections: 1,
    run: (statement: Statement, parameters: Parameters, signal) =>
      inTurn(signal, () => fromPgClient(client, prepare, silence).run(statement, parameters)),
    transaction: (work, signal) => inTurn(signal, () => inTransaction(client, prepare, silence, work)),
    async close() {
      await lastCalls.get(client)
      // The socket of a lost connection may end later, with an `error` event: without a listener it ends the process.
      if (!isLost) heedErrors()
    },
  }
}

/** Makes a client that connects as this one does. */
function clientLike(client: PgClient): PgListener {
  const { host, port, database, user, password, ssl } = client as PgClient &
    Record<'host' | 'port' | 'database' | 'user' | 'password' | 'ssl', unknown>
  const Client = client.constructor as new (options: object) => PgListener
  return new Client({ host, port, database, user, password, ssl })
}

async function inTransaction<T>(
  client: PgClient,
  prepare: boolean,
  silence: SilenceWatch,
  work: (session: ScriptSession) => Promise<T>,
): Promise<T> {
  // The server ends a transaction while no query waits for an answer. Only this event says why it did.
  let idleEnd: Error | undefined
  const noteEnd = (error: Error) => {
    if (isIdleEnd(error)) idleEnd = error
  }
  client.on('error', noteEnd)
  try {
    return await inOpenTransaction(client, prepare, silence, work)
  } catch (error) {
    throw idleEnd !== undefined && isConnectionLost(error) ? idleEnd : error
  } finally {
    client.removeListener('error', noteEnd)
  }
}

async function inOpenTransaction<T>(
  client: PgClient & ClientState,
  prepare: boolean,
  silence: SilenceWatch,
  work: (session: ScriptSession) => Promise<T>,
): Promise<T> {
  const setIdle = `set local idle_in_transaction_session_timeout = ${maxIdleMilliseconds}`
  const begin = `begin ${transactionMode}; ${setIdle}; ${transactionProcessQuery}`
  const [process] = await runQuery(client, { text: begin }, silence)
  const watch = silence.inTransaction(process, client.processID ?? undefined)
  try {
    const result = await work(fromPgClient(client, prepare, watch))
    await runQuery(client, { text: 'commit' }, watch)
    return result
  } catch (error) {
    // The rollback fails on a lost connection. The transaction has then ended anyway.
    await runQuery(client, { text: 'rollback' }, watch).catch(() => {})
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
