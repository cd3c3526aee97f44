/** The databases that the command line is tested on, each by its URL. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { inject } from 'vitest'
import { createDatabase } from '../../../test/database.ts'
import { isMissing, startEmulator } from '../../../test/emulators/start.ts'
import { stores } from '../../../test/stores.ts'
import { temporaryFolder } from '../../../test/temporary-folder.ts'

export interface StartedDatabase {
  readonly url: string
  stop(): Promise<void>
}

interface TestedDatabase {
  readonly name: 'postgres' | 'pglite' | 'dynamodb'
  start(): Promise<StartedDatabase>
}

const isNamed = (name: string) => stores.some((store) => store.name === name)

const all: readonly (TestedDatabase & { readonly isIncluded: boolean })[] = [
  {
    name: 'postgres',
    isIncluded: isNamed('pg'),
    async start() {
      const { url, drop } = await createDatabase(inject('servers').postgres)
      return { url, stop: drop }
    },
  },
  {
    name: 'pglite',
    isIncluded: isNamed('pglite'),
    async start() {
      const { path, remove } = temporaryFolder('cli')
      const folder = join(path, 'data')
      await (await PGlite.create(folder)).close()
      return { url: `pglite:${folder}`, stop: async () => remove() }
    },
  },
  {
    name: 'dynamodb',
    isIncluded: isNamed('dynoxide') && isMissing('dynoxide') === undefined,
    async start() {
      const { endpoint, stop } = await startEmulator('dynoxide')
      return { url: `dynamodb://local/test_${randomUUID()}?endpoint=${endpoint}`, stop }
    },
  },
]

/** The databases that STORES names. */
export const databases: readonly TestedDatabase[] = all.filter(({ isIncluded }) => isIncluded)
