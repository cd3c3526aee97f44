/** PGlite: Postgres inside this process, in memory or in a folder. */
import { ConnectionNotOpenError, driverError, StorageError } from '../storage/index.ts'
import { type Database, type Row, type ScriptSession, transactionMode } from './client.ts'
import { lockFolder } from './folder-lock.ts'

/** The part of a PGlite transaction that the store uses. */
export interface PGliteSession {
  // biome-ignore lint/suspicious/noExplicitAny: the driver declares its parameters as any[]
  query(query: string, parameters?: any[]): Promise<{ rows: unknown[] }>
  exec(query: string): Promise<unknown>
}

/** The part of `PGlite` that the store uses. */
export interface PGliteDatabase extends PGliteSession {
  readonly waitReady: Promise<void>
  readonly closed?: boolean | undefined
  // biome-ignore lint/suspicious/noExplicitAny: a transaction has more than is used here
  transaction<T>(work: (transaction: any) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Makes a session of a PGlite transaction. */
export function fromPGliteSession(session: PGliteSession): ScriptSession {
  return {
    async run({ text }, parameters) {
      return (await session.query(text, [...parameters])).rows as Row[]
    },
    query: async (text, values) => (await session.query(text, [...values])).rows as Row[],
    client: session,
    async runScript(text) {
      await session.exec(text)
    },
  }
}

/** PGlite answers without a turn of the event loop. Many calls in a row would block timers and all other work. */
const nextTurn = () => new Promise(setImmediate)

/** Makes a database of a PGlite instance. `close`: called when the store closes. */
export function fromPGlite(pglite: PGliteDatabase, close: () => Promise<void> = async () => {}): Database {
  function checkOpen(): void {
    if (pglite.closed) throw new ConnectionNotOpenError('PGlite instance', 'ended')
  }
  return {
    isEmbedded: true,
    connections: 1,
    async run(statement, parameters, signal) {
      checkOpen()
      await pglite.waitReady
      signal?.throwIfAborted()
      const rows = await fromPGliteSession(pglite).run(statement, parameters)
      await nextTurn()
      return rows
    },
    async transaction(work, signal) {
      checkOpen()
      const result = await pglite.transaction(async (transaction: PGliteSession) => {
        signal?.throwIfAborted()
        await transaction.exec(`set transaction ${transactionMode}`)
        return work(fromPGliteSession(transaction))
      })
      await nextTurn()
      return result
    },
    close,
  }
}

/**
 * Opens PGlite in memory (`memory`) or on a folder, which it locks.
 * @throws FolderInUseError if another process has the folder open
 * @throws StorageError if PGlite cannot open the folder, or does not start in this runtime
 */
export async function openPGlite(location: string): Promise<Database> {
  const { PGlite } = await loadPGlite()
  if (location === 'memory') {
    const pglite = await PGlite.create().catch((error: unknown) => {
      throw new StorageError('Starting PGlite in memory', error)
    })
    return fromPGlite(pglite, () => pglite.close())
  }
  const unlock = await lockFolder(location)
  try {
    const pglite = await PGlite.create(location)
    return fromPGlite(pglite, async () => {
      await pglite.close()
      await unlock()
    })
  } catch (error) {
    await unlock()
    throw new StorageError(`Opening the folder '${location}'`, error)
  }
}

async function loadPGlite() {
  try {
    return await import('@electric-sql/pglite')
  } catch (error) {
    throw driverError('@electric-sql/pglite', error)
  }
}
