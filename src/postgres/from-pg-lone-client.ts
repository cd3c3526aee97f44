/** One client of the `pg` driver, which the caller has connected. */
import type { Database, Parameters, Statement } from './client.ts'
import { isConnectionLost } from './errors.ts'
import {
  checkUsable,
  fromPgClient,
  ignoreErrors,
  type PgClient,
  type PgListener,
  silenceWatch,
} from './from-pg.ts'
import { inTransaction } from './pg-transaction.ts'

/**
 * The last call of each client: all stores on a client share one queue, or they would get into each other's
 * transactions.
 */
const lastCalls = new WeakMap<PgClient, Promise<unknown>>()

/** Makes a database of one client. It runs one statement or transaction at a time; the other calls wait in a queue. */
export function fromLoneClient(client: PgClient, prepare: boolean, timeout: number): Database {
  const silence = silenceWatch(timeout, () => clientLike(client))
  const stopIgnoring = ignoreErrors(client)
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
      inTurn(signal, () => fromPgClient(client, prepare, silence.forStatement()).run(statement, parameters)),
    transaction: (work, signal, begin) =>
      inTurn(signal, () => inTransaction(client, { prepare, silence, begin }, work)),
    async close() {
      await lastCalls.get(client)
      // The socket of a lost connection may end later, with an `error` event: without a listener it ends the process.
      if (!isLost) stopIgnoring()
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
