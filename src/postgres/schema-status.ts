/**
 * Compares the tables and functions in the database with the ones of this library.
 *
 * Both have a revision, a number that each release with changed SQL raises. The database also stores the lowest
 * revision of a library that works on it. So an older library can tell whether it may run on the tables and functions
 * of a newer one, without knowing them.
 */
import { SchemaMismatchError } from '../storage/index.ts'
import type { Row } from './client.ts'
import { migrations, routines } from './sql.generated.ts'

/** How the tables and functions in the database compare with the ones that this version of the library needs. */
export interface SchemaStatus {
  /**
   * The revision of the tables and functions in the database. 0 if they do not exist. If it is higher than
   * `libraryRevision`, a newer version of the library has updated them, and this version works on them without changes.
   */
  readonly revision: number
  /** The revision of the tables and functions that this version of the library has. */
  readonly libraryRevision: number
  /** The number of the last applied migration. 0 if the tables do not exist. */
  readonly current: number
  /** The number of the last migration that this version of the library has. */
  readonly latest: number
  /** The names of this library's migrations that are not applied yet. */
  readonly pending: readonly string[]
  /** Whether the functions need no update: they are the ones of this version of the library, or of a newer one. */
  readonly functionsCurrent: boolean
  /** Whether the trigger that refuses to change or delete events exists and is enabled. */
  readonly eventsProtected: boolean
  /**
   * Whether no migration is pending, the functions are current, and events are protected if `protectEvents` is true.
   */
  readonly upToDate: boolean
}

/** A row of the table `migrations`: an applied migration, or the functions. */
interface Applied {
  readonly number: number
  readonly checksum: string
  /** Of the functions only. */
  readonly revision: number | null
  /** Of the functions only: the lowest revision of a library that works on them. */
  readonly serves_from: number | null
}

/** The functions have a row of their own among the migrations, with this number. */
export const routinesNumber = 0

const libraryRevision = routines.revision
const latest = migrations.at(-1)?.number ?? 0

/**
 * Compares a row of `schema-status.sql` or `start-up.sql` with this library. Undefined: no tables.
 * @throws SchemaMismatchError if the database is newer than this library and does not serve it, or an applied migration
 * differs from this library's migration
 */
export function statusOf(row: Row | undefined, schema: string, protectEvents: boolean): SchemaStatus {
  const applied: readonly Applied[] = JSON.parse(String(row?.applied ?? '[]'))
  const functions = applied.find(({ number }) => number === routinesNumber)
  const revision = functions?.revision ?? 0
  const servesFrom = functions?.serves_from ?? revision
  const isNewer = revision > libraryRevision
  if (isNewer && servesFrom > libraryRevision) {
    throw new SchemaMismatchError(
      `The tables in schema '${schema}' are at revision ${revision}, which serves the library from revision ${servesFrom} on, and this version of the library has revision ${libraryRevision}: update the library`,
    )
  }
  const appliedMigrations = applied.filter(({ number }) => number !== routinesNumber)
  for (const { number, checksum } of appliedMigrations) {
    const own = migrations.find((migration) => migration.number === number)
    if (own === undefined) {
      if (isNewer) continue
      throw new SchemaMismatchError(
        `The tables in schema '${schema}' are at migration ${number}, and this version of the library knows only up to ${latest}: update the library`,
      )
    }
    if (own.checksum !== checksum) {
      throw new SchemaMismatchError(
        `Migration ${own.name} in schema '${schema}' is not the one this library has (checksum ${checksum}, not ${own.checksum})`,
      )
    }
  }
  const isApplied = (number: number) => appliedMigrations.some((entry) => entry.number === number)
  const pending = migrations.filter(({ number }) => !isApplied(number)).map(({ name }) => name)
  if (isNewer && pending.length > 0) {
    throw new SchemaMismatchError(
      `The tables in schema '${schema}' are at revision ${revision}, newer than this version of the library, but lack its migration ${pending[0]}: update the library`,
    )
  }
  const functionsCurrent =
    isNewer || (revision === libraryRevision && functions?.checksum === routines.checksum)
  const current = Math.max(0, ...appliedMigrations.map(({ number }) => number))
  const eventsProtected = row?.events_protected === 'true'
  const upToDate = pending.length === 0 && functionsCurrent && (eventsProtected || !protectEvents)
  return { revision, libraryRevision, current, latest, pending, functionsCurrent, eventsProtected, upToDate }
}

/** Whether a newer version of the library has updated the schema. This version then changes nothing there. */
export function isNewerSchema({ revision }: SchemaStatus): boolean {
  return revision > libraryRevision
}

/** Returns the error of a store that must not use tables that are out of date, and does not bring them up to date. */
export function notUpToDate(status: SchemaStatus | undefined, schema: string): SchemaMismatchError {
  if (status === undefined || status.pending.length > 0 || !status.functionsCurrent) {
    return new SchemaMismatchError(
      `The tables in schema '${schema}' are missing or not up to date: call \`await store.schema.create()\` first`,
    )
  }
  const creator = isNewerSchema(status)
    ? ` with the newer version of the library that updated this schema`
    : ''
  return new SchemaMismatchError(
    `The trigger that protects events is missing in schema '${schema}': call \`await store.schema.create()\` first${creator}, or open the store with protectEvents: false`,
  )
}
