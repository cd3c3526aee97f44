/** Creates the tables and keeps them up to date: runs numbered migrations, and replaces the functions when they change. */
import {
  beginning,
  InvalidInputError,
  MissingPrivilegesError,
  SchemaMismatchError,
} from '../storage/index.ts'
import type { Database, Statement } from './client.ts'
import { isDenied, isMissingSchema } from './errors.ts'
import { migrations, routines } from './sql.generated.ts'
import { inSchema, statementOf } from './statements.ts'

/** How the tables and functions in the database compare with the ones that this version of the library needs. */
export interface SchemaStatus {
  /** The number of the last applied migration. 0 if the tables do not exist. */
  readonly current: number
  /** The number of the last migration that this version of the library has. */
  readonly latest: number
  /** The names of the migrations that are not applied yet. */
  readonly pending: readonly string[]
  /** Whether the functions are the ones of this version of the library. */
  readonly functionsCurrent: boolean
  /** Whether no migration is pending and the functions are current. */
  readonly upToDate: boolean
}

/** A row of the table `migrations`: an applied migration, or the functions. */
export interface Applied {
  readonly number: number
  readonly checksum: string
}

const latest = migrations.at(-1)?.number ?? 0

// The functions have one row of their own among the migrations.
const routinesNumber = 0

/**
 * Checks that the name of a schema needs no quotes, so that the SQL can contain it unchanged.
 * @throws InvalidInputError if it needs quotes, or begins with `pg_`
 */
export function checkSchemaName(schema: string): void {
  if (typeof schema !== 'string' || !/^[a-z_][a-z0-9_]{0,62}$/.test(schema) || schema.startsWith('pg_')) {
    throw new InvalidInputError(
      'schema',
      'must be lower-case letters, digits and underscores (at most 63), and not begin with a digit or pg_',
      beginning(schema),
    )
  }
}

/**
 * Reads which migrations and functions are applied.
 * @throws SchemaMismatchError if the database is newer than this library, or an applied migration differs from
 * this library's migration
 */
export async function schemaStatus(database: Database, schema: string): Promise<SchemaStatus> {
  try {
    const statement = listApplied(schema)
    return statusOf((await database.run(statement, [])).map(toApplied), schema)
  } catch (error) {
    if (isMissingSchema(error)) return statusOf([], schema)
    throw error
  }
}

/**
 * Creates the schema or brings it up to date, in one transaction. Any number of processes may call it at the same time.
 * @throws MissingPrivilegesError if the role may not create or change the tables
 * @throws SchemaMismatchError as `schemaStatus` does
 */
export async function createSchema(
  database: Database,
  schema: string,
  protectEvents: boolean,
): Promise<SchemaStatus> {
  // On a replica this statement fails with 25006. To `begin … read write` a replica answers 0A000, which has many
  // meanings.
  await database.run(refuseReplica, [])
  const work = database.transaction(async (session) => {
    await session.runScript(prelude(schema))
    const applied = (await session.run(listApplied(schema), [])).map(toApplied)
    await session.runScript(changes(statusOf(applied, schema), schema))
    if (!protectEvents) await session.runScript(dropProtection(schema))
  })
  await work.catch((error: unknown) => {
    if (!isDenied(error)) throw error
    const todo = `only the owner of schema '${schema}' creates its tables and brings them up to date: let it call \`await store.schema.create()\`, and then run \`store.schema.grantSql(role)\` for this role`
    throw new MissingPrivilegesError(undefined, [], todo, error)
  })
  return schemaStatus(database, schema)
}

/** Returns the whole script that creates the schema, for users who run it themselves, for example with psql. */
export function schemaScript(schema: string): string {
  return `begin;\n${prelude(schema)}\n${changes(statusOf([], schema), schema)}\ncommit;\n`
}

// Uses the same expression as start-up.sql.
const refuseReplica = statementOf(
  'refuse_replica',
  'select case when pg_is_in_recovery() then pg_current_xact_id()::text end',
)

function listApplied(schema: string): Statement {
  return statementOf('migrations', `select number::text, checksum from ${schema}.migrations order by number`)
}

function toApplied(row: Readonly<Record<string, unknown>>): Applied {
  return { number: Number(row.number), checksum: String(row.checksum) }
}

/**
 * Compares the applied migrations with the ones of this library.
 * @throws SchemaMismatchError as `schemaStatus` does
 */
export function statusOf(applied: readonly Applied[], schema: string): SchemaStatus {
  for (const { number, checksum } of applied) {
    if (number === routinesNumber) continue
    const own = migrations.find((migration) => migration.number === number)
    if (own === undefined) {
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
  const isApplied = (number: number) => applied.some((entry) => entry.number === number)
  const pending = migrations.filter(({ number }) => !isApplied(number)).map(({ name }) => name)
  const functionsCurrent = applied.some(
    ({ number, checksum }) => number === routinesNumber && checksum === routines.checksum,
  )
  const current = Math.max(0, ...applied.map(({ number }) => number))
  return { current, latest, pending, functionsCurrent, upToDate: pending.length === 0 && functionsCurrent }
}

/** Looks first whether the trigger exists, because even the attempt to drop it would lock the table. */
function dropProtection(schema: string): string {
  return `do $$ begin
  if exists (select from pg_trigger t where t.tgrelid = '${schema}.events'::regclass and t.tgname = 'protect_events') then
    drop trigger protect_events on ${schema}.events;
  end if;
end $$;`
}

/**
 * Returns the first part of every script: a lock that admits one process at a time, and the table `migrations`.
 *
 * `lock_timeout` bounds the waits after that. A change that locks a table waits for the open appends, and all other
 * appends wait behind it. After a second it fails with 55P03, the other appends pass, and the store retries.
 */
function prelude(schema: string): string {
  return `set local client_min_messages = warning;
set local search_path = pg_catalog, pg_temp;
select pg_advisory_xact_lock(hashtext('eventsourced migrations of ${schema}'));
set local lock_timeout = '1s';
do $$ begin
  -- \`if not exists\` would need the right to create schemas in this database, which an owner of the schema may lack.
  if to_regnamespace('${schema}') is null then create schema ${schema}; end if;
end $$;
create table if not exists ${schema}.migrations (
  number int primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now()
);`
}

/** Returns the SQL of the pending migrations, and of the functions if they are not current. */
function changes({ pending, functionsCurrent }: SchemaStatus, schema: string): string {
  const todo = migrations.filter(({ name }) => pending.includes(name))
  const steps = todo.map(
    ({ number, name, checksum, sql }) => `${sql}\n${recordApplied(schema, number, name, checksum)}`,
  )
  if (!functionsCurrent) {
    steps.push(`${routines.sql}\n${recordApplied(schema, routinesNumber, 'functions', routines.checksum)}`)
  }
  return inSchema(steps.join('\n\n'), schema)
}

/** Returns the SQL that records a migration, or the functions, as applied. */
function recordApplied(schema: string, number: number, name: string, checksum: string): string {
  return `insert into ${schema}.migrations (number, name, checksum) values (${number}, '${name}', '${checksum}')
on conflict (number) do update set checksum = excluded.checksum, applied_at = now();`
}
