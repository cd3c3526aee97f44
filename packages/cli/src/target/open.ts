/** Opens the store that a command works on: by URL, or as a configuration file exports it. */
import { existsSync } from 'node:fs'
import { CommandFailure, wrongUsage } from '../failure.ts'
import { type Config, configFile, loadConfig } from './config.ts'
import type { AnyStore } from './known.ts'
import { type StoreAddress, storeAddress } from './store-url.ts'

/** The store of a command. */
export interface Target {
  readonly store: AnyStore
  /** Where the store is, without secrets. */
  readonly shown: string
  /** What the program's configuration file says; without one, only the store. */
  readonly config: Config
}

export interface TargetOptions {
  readonly url?: string | undefined
  readonly config?: string | undefined
  /**
   * After how long Postgres ends a statement, in milliseconds; 0: never. It counts for a store that a URL names, unless the
   * URL has a `statement_timeout` itself. @default as the server says
   */
  readonly statementTimeout?: number | undefined
}

/**
 * Opens the store. Only `creates` lets it create tables: a command that reads leaves a database as it is.
 * @throws CommandFailure if neither a URL nor a configuration file names a store
 */
export async function openTarget(
  { url, config, statementTimeout = 0 }: TargetOptions,
  creates: boolean,
): Promise<Target> {
  const given = url ?? (config === undefined ? process.env.EVENTSOURCED_URL : undefined)
  if (given !== undefined) {
    const address = storeAddress(given)
    const store = await openStore(address, creates, statementTimeout)
    return { store, shown: address.shown, config: { store } }
  }
  const file = configFile(config)
  if (file === undefined) {
    throw wrongUsage(
      'Which store? Add --url postgres://user@host/database, set EVENTSOURCED_URL, or write an eventsourced.config.ts',
    )
  }
  const loaded = await loadConfig(file)
  return { store: loaded.store, shown: file, config: loaded }
}

async function openStore(
  address: StoreAddress,
  creates: boolean,
  statementTimeout: number,
): Promise<AnyStore> {
  if (address.kind === 'dynamodb') {
    const { dynamodbStore } = await import('@eventsourced/core/dynamodb')
    const { region, table, endpoint } = address
    // An emulator accepts any credentials, but the SDK wants some. At any other endpoint, the user's own are needed.
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
    return dynamodbStore({
      table,
      region,
      autoCreate: creates,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === 'local' ? { credentials } : {}),
    })
  }
  const folder = address.kind === 'pglite' ? address.url.slice('pglite:'.length) : undefined
  // PGlite would create the folder: a command that reads must not make a database of a misspelt name.
  if (!creates && folder !== undefined && folder !== 'memory' && !existsSync(folder)) {
    throw new CommandFailure(`There is no database in the folder '${folder}'`)
  }
  const { postgresStore } = await import('@eventsourced/core/postgres')
  const { kind, url, schema } = address
  return postgresStore(kind === 'postgres' ? withTimeout(url, statementTimeout) : url, {
    autoCreate: creates,
    maxConnections: 4,
    ...(schema === undefined ? {} : { schema }),
  })
}

/** 0 sends no setting: a pooler such as PgBouncer refuses the setting unless its `ignore_startup_parameters` names it. */
function withTimeout(url: string, statementTimeout: number): string {
  const parsed = new URL(url)
  if (statementTimeout === 0 || parsed.searchParams.has('statement_timeout')) return url
  parsed.searchParams.set('statement_timeout', String(statementTimeout))
  return parsed.href
}

/** Returns the store's schema. @throws CommandFailure if the store has none, as the store in memory */
export function schemaOf({ store, shown }: Target): NonNullable<AnyStore['schema']> {
  if (store.schema === undefined) throw new CommandFailure(`${shown} has no tables to migrate`)
  return store.schema
}
