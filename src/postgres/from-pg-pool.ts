/** A pool of the `pg` driver: one that the store opened, or the caller's. */
import { ConnectionNotOpenError } from '../storage/index.ts'
import type { Database, Listener } from './client.ts'
import { isConnectionLost } from './errors.ts'
import {
  type ClientState,
  fromPgClient,
  ignoreError,
  ignoreErrors,
  type PgClient,
  type PgListener,
  runQuery,
  silenceWatch,
  socketOf,
} from './from-pg.ts'
import { inTransaction } from './pg-transaction.ts'
import { SilenceWatch, SilentDatabaseError } from './silence.ts'

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

interface PooledClient extends PgClient {
  release(error?: Error | boolean): void
}

export interface FromPgOptions {
  /** Whether statements are prepared by name. Some poolers do not allow it in transaction mode. */
  readonly prepare: boolean
  /** Whether the store opened the pool, and so ends it when it closes. */
  readonly owned: boolean
  /** How long the database may be silent before the store closes a connection, in milliseconds. */
  readonly timeout: number
}

/** The clients of a pool that are connecting now. The types of `pg` do not declare the list. */
function connectingClients(
  pool: PgPool & { readonly _clients?: readonly ClientState[] },
): readonly ClientState[] {
  return pool._clients?.filter(({ _connecting }) => _connecting === true) ?? []
}

/**
 * The calls that wait for a connection of a pool. If a full pool is ended, it never calls their callbacks, so the store
 * refuses them itself. All stores on a pool share this list, and so one listener.
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
  const stopIgnoring = ignoreErrors(pool)
  const { Client, options } = pool
  const silence =
    Client === undefined
      ? new SilenceWatch(timeout, async () => 'lost')
      : silenceWatch(timeout, () => new Client(options as never))

  /** The connecting clients that have a deadline. */
  const limited = new WeakSet<ClientState>()
  /** The open clients of a pool that the store opened. */
  const clients = new Set<PgClient & ClientState>()
  if (owned) pool.on('remove', (client) => clients.delete(client))

  const waiting = waitingCalls.get(pool) ?? new WaitingCalls(pool)
  waitingCalls.set(pool, waiting)

  /**
   * Uses the callback of `pool.connect`. With its promise, an `error` event could come before the listener is added.
   */
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

  /**
   * Closes the connections that do not open within `timeout`. Without a timeout of its own, a pool would keep a place for
   * such a connection, also if no call waits for it any more.
   */
  function limitConnecting(): void {
    for (const client of connectingClients(pool)) {
      if (limited.has(client)) continue
      limited.add(client)
      // On Cloudflare, a timer may be a number.
      setTimeout(() => {
        if (client._connecting) socketOf(client)?.destroy?.()
      }, timeout).unref?.()
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
      withClient(signal, (client) =>
        fromPgClient(client, prepare, silence.forStatement()).run(statement, parameters),
      ),
    transaction: (work, signal, begin) =>
      withClient(signal, (client) => inTransaction(client, { prepare, silence, begin }, work)),
    listen: (channel, onNotified) => listen(pool, channel, onNotified),
    async close() {
      // The listener of our own pool stays: its connections may still fail while the pool ends.
      if (!owned) return stopIgnoring()
      await pool.end()
      // On a silent network a connection does not end. It must not keep the process alive.
      for (const client of clients) socketOf(client)?.unref?.()
    },
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
