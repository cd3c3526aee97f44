/** The storages that the stories of takeovers run on: each as several processes see it. */
import { PGlite } from '@electric-sql/pglite'
import { vi } from 'vitest'
import { memoryStorage } from '../../src/memory/store.ts'
import { InlineProjections } from '../../src/projection/inline.ts'
import { sleep } from '../../src/runtime/abort.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { startGround } from '../dynamodb/ground.ts'
import { startProcess } from '../dynamodb/processes.ts'
import { bareStorage } from '../postgres/bare-storage.ts'
import { freshDatabase } from '../postgres/fresh-database.ts'

/** A process and its storage. */
export interface StoryProcess {
  readonly storage: Storage
  /**
   * Runs work of the process, which dies before its next request after so many. Resolves with the outcome, or with 'died'.
   * Without it, a change of the storage is one request.
   */
  dieDuring?<T>(requests: number, work: (storage: Storage) => Promise<T>): Promise<T | 'died'>
}

export interface StoryGround {
  readonly processes: readonly StoryProcess[]
  /** How long a lease lasts, in milliseconds. */
  readonly leaseTime: number
  pass(milliseconds: number): Promise<void>
  end(): Promise<void>
}

const severalProcesses = 3

export async function startMemory(): Promise<StoryGround> {
  vi.useFakeTimers({ toFake: ['performance'] })
  return {
    processes: [{ storage: memoryStorage(new InlineProjections()) }],
    leaseTime: 100,
    pass: async (milliseconds) => void vi.advanceTimersByTime(milliseconds),
    end: async () => void vi.useRealTimers(),
  }
}

export async function startPGlite(): Promise<StoryGround> {
  const pglite = await PGlite.create()
  const storage = bareStorage(pglite)
  const end = async () => {
    await storage.close()
    await pglite.close()
  }
  return { processes: [{ storage }], leaseTime: 40, pass: sleep, end }
}

export async function startPostgres(): Promise<StoryGround> {
  const database = await freshDatabase()
  const storages = Array.from({ length: severalProcesses }, () => bareStorage(database.url))
  const end = async () => {
    await Promise.all(storages.map((storage) => storage.close()))
    await database.drop()
  }
  return { processes: storages.map((storage) => ({ storage })), leaseTime: 40, pass: sleep, end }
}

export async function startDynamo(name: 'dynoxide' | 'dynamodb-local'): Promise<StoryGround> {
  const ground = await startGround(name)
  const table = ground.table()
  await ground.open(table).store.schema.create()
  const process = (): StoryProcess => ({
    storage: startProcess(ground, table).storage,
    async dieDuring(requests, work) {
      const { storage, faults } = startProcess(ground, table)
      let left = requests
      const died = new Promise<'died'>((resolve) => {
        faults.before(() => {
          if (left-- > 0) return undefined
          resolve('died')
          return new Promise(() => {})
        })
      })
      return Promise.race([work(storage), died])
    },
  })
  const processes = Array.from({ length: severalProcesses }, process)
  return { processes, leaseTime: 60, pass: sleep, end: () => ground.end() }
}
