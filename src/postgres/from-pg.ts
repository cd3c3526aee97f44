/** A client of the `pg` driver: its session, and the watch over its silence. */
import { ConnectionNotOpenError } from '../storage/index.ts'
import type { Row, ScriptSession } from './client.ts'
import { isOverloaded } from './errors.ts'
import { noteFailure, preparedName } from './prepared-names.ts'
import { processState, processStateParameters, processStateQuery, SilenceWatch } from './silence.ts'

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
  /** Takes a query object, which has its own callback. */
  query(query: { submit(connection: never): unknown }): void
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

/** A client that only the store uses, and that can listen. */
export interface PgListener extends PgClient {
  connect(): Promise<unknown>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'notification', listener: (message: { payload?: string | undefined }) => void): unknown
  end(): Promise<void>
}

/** Fields of a `pg.Client` that its types do not declare. */
export interface ClientState {
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

export const socketOf = (client: ClientState): ClientSocket | undefined => client.connection?.stream

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
export function checkUsable(client: PgClient & ClientState): void {
  checkConnected(client)
  if (client._ending) throw new ConnectionNotOpenError('pg.Client', 'ended')
  const { _ended, _queryable, _connectionError } = client
  if (_ended || _queryable === false || _connectionError)
    throw new ConnectionNotOpenError('pg.Client', 'lost')
}

/**
 * A listener for `error` events: without one, such an event would end the Node.js process. The store need not react to
 * the event, because the next query reports the lost connection.
 */
export const ignoreError = (): void => {}

/** How many stores use a pool or a client. They share one listener: Node.js warns about more than ten. */
const users = new WeakMap<object, number>()

/** Ignores the `error` events of a pool or a client. Returns the function that stops ignoring them. */
export function ignoreErrors(emitter: Pick<PgClient, 'on' | 'removeListener'>): () => void {
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

/**
 * Used for the statements of this library only. JSON is parsed row by row, while the server still makes the next rows.
 */
const types = { getTypeParser: (oid: number) => (oid === varcharOid ? JSON.parse : asText) }

/** Parses a value of a statement of this library. */
export const parseValue = (value: string, oid: number): unknown => types.getTypeParser(oid)(value)

/**
 * Runs one statement, or a script of several without values, of which it returns the rows of the last one.
 *
 * Uses a callback: with the driver's promises, each result delayed the garbage collection of the next one.
 */
export function runQuery(
  client: PgClient & ClientState,
  query: PgQuery,
  silence?: SilenceWatch,
): Promise<Row[]> {
  return watched(client, silence, (settle) => {
    client.query(query, (error, result) => {
      settle(error, (Array.isArray(result) ? result.at(-1) : result)?.rows as Row[])
    })
  })
}

/** Sends queries, and rejects once the connection is silent. `send`: receives the function that ends the call. */
export function watched<T>(
  client: PgClient & ClientState,
  silence: SilenceWatch | undefined,
  send: (settle: (error: Error | null | undefined, result: T) => void) => void,
): Promise<T> {
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
    send((error, result) => {
      const toReject = endWatch?.(error) ?? error
      if (toReject) reject(toReject)
      else resolve(result)
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

/** Makes a watch that asks for server processes with clients that `newClient` makes. */
export function silenceWatch(timeout: number, newClient: () => PgListener & ClientState): SilenceWatch {
  return new SilenceWatch(timeout, async (process, endsLockWait) => {
    const client = newClient()
    client.on('error', ignoreError)
    const timer = setTimeout(() => socketOf(client)?.destroy?.(), timeout)
    try {
      await client.connect()
      const [row] = await runQuery(client, {
        text: processStateQuery,
        values: processStateParameters(process, endsLockWait),
      })
      return processState(row)
    } catch (error) {
      // The server answers, so the network works. The watch asks again after the next `timeout`.
      return isOverloaded(error) ? 'working' : 'lost'
    } finally {
      clearTimeout(timer)
      client.end().catch(ignoreError)
    }
  })
}
