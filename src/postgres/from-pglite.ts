/** PGlite: Postgres inside this process, in memory or in a folder. */
import { StorageError } from '../storage/index.ts'
import { type Database, type Row, type ScriptSession, transactionMode } from './client.ts'
import { lockFolder } from './folder-lock.ts'

/** The part of a PGlite transaction that is used. */
export interface PGliteSession {
  // biome-ignore lint/suspicious/noExplicitAny: the driver declares its parameters so
  query(query: string, parameters?: any[]): Promise<{ rows: unknown[] }>
  exec(query: string): Promise<unknown>
}

/** The part of `PGlite` that is used. */
export interface PGliteDatabase extends PGliteSession {
  readonly waitReady: Promise<void>
  // biome-ignore lint/suspicious/noExplicitAny: a transaction has more than is used here
  transaction<T>(work: (transaction: any) => Promise<T>): Promise<T>
  close(): Promise<void>
}

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

/** It answers without returning to the event loop: calls in a row would keep timers and everybody else waiting. */
const eventLoop = () => new Promise(setImmediate)

export function fromPGlite(pglite: PGliteDatabase, close: () => Promise<void> = async () => {}): Database {
  return {
    isEmbedded: true,
    async run(statement, parameters, signal) {
      await pglite.waitReady
      signal?.throwIfAborted()
      const rows = await fromPGliteSession(pglite).run(statement, parameters)
      await eventLoop()
      return rows
    },
    async transaction(work, signal) {
      const result = await pglite.transaction(async (transaction: PGliteSession) => {
        signal?.throwIfAborted()
        await transaction.exec(`set transaction ${transactionMode}`)
        return work(fromPGliteSession(transaction))
      })
      await eventLoop()
      return result
    },
    close,
  }
}

/** Opens `memory`, or a folder that no other process has open. */
export async function openPGlite(place: string): Promise<Database> {
  const { PGlite } = await import('@electric-sql/pglite')
  if (place === 'memory') {
    const pglite = await PGlite.create()
    return fromPGlite(pglite, () => pglite.close())
  }
  const unlock = await lockFolder(place)
  try {
    const pglite = await PGlite.create(place)
    return fromPGlite(pglite, async () => {
      await pglite.close()
      await unlock()
    })
  } catch (error) {
    await unlock()
    throw new StorageError(`Opening the folder '${place}'`, error)
  }
}
