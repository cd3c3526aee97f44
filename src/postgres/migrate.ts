/** Creates the tables and keeps them up to date: runs numbered migrations, and replaces the functions when they change. */
import {
  beginning,
  checkReadName,
  InvalidInputError,
  MissingPrivilegesError,
  SchemaMismatchError,
} from '../storage/index.ts'
import { checkServer } from './check-server.ts'
import type { Database, Row } from './client.ts'
import { isDenied, isForeignObject, isMissingSchema } from './errors.ts'
import { migrations, routines } from './sql.generated.ts'
import { inSchema, type Statements, statementOf } from './statements.ts'

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
  /** Whether the trigger that refuses to change or delete events exists and is enabled. */
  readonly eventsProtected: boolean
  /** Whether no migration is pending, the functions are current, and events are protected if `protectEvents` is true. */
  readonly upToDate: boolean
}

/** A row of the table `migrations`: an applied migration, or the functions. */
interface Applied {
  readonly number: number
  readonly checksum: string
}

const latest = migrations.at(-1)?.number ?? 0

// The functions have one row of their own among the migrations.
const routinesNumber = 0

/**
 * Checks that the SQL can contain the name of a schema in double quotes, also inside a literal or a function body.
 * @throws InvalidInputError if it cannot, or if the schema belongs to Postgres itself
 */
export function checkSchemaName(schema: string): void {
  checkReadName(schema, 'schema')
  // The server would truncate a longer name.
  if (Buffer.byteLength(schema) > 63) {
    throw new InvalidInputError('schema', 'must not exceed 63 bytes of UTF-8', beginning(schema))
  }
  if (/["'\\$\p{Cc}]/u.test(schema)) {
    const problem = 'must not contain quotes, backslashes, dollar signs or control characters'
    throw new InvalidInputError('schema', problem, beginning(schema))
  }
  if (schema === 'information_schema' || schema.startsWith('pg_')) {
    const problem = 'must be a schema of your own, and not information_schema or one that begins with pg_'
    throw new InvalidInputError('schema', problem, beginning(schema))
  }
}

/**
 * Reads which migrations and functions are applied.
 * @throws SchemaMismatchError if the database is newer than this library, an applied migration differs from this
 * library's migration, or the schema holds another tool's objects under the library's names
 */
export async function schemaStatus(
  database: Database,
  statements: Statements,
  schema: string,
  protectEvents: boolean,
): Promise<SchemaStatus> {
  const [row] = await database.run(statementOf('foreign_objects', inSchema(foreignObjects, schema)), [])
  if (typeof row?.problem === 'string') throw new SchemaMismatchError(row.problem)
  try {
    const [found] = await database.run(statements.schemaStatus, [])
    return statusOf(found, schema, protectEvents)
  } catch (error) {
    if (isMissingSchema(error)) return statusOf(undefined, schema, protectEvents)
    throw error
  }
}

/**
 * Creates the schema or brings it up to date, in one transaction. Any number of processes may call it at the same time.
 * @throws UnsupportedDatabaseError if the store must not use this server or database
 * @throws MissingPrivilegesError if the role may not create or change the tables
 * @throws SchemaMismatchError as `schemaStatus` does
 */
export async function createSchema(
  database: Database,
  statements: Statements,
  schema: string,
  protectEvents: boolean,
): Promise<SchemaStatus> {
  await checkServer(database, statements)
  // On a replica this statement fails with 25006. To `begin … read write` a replica answers 0A000, which has many
  // meanings.
  await database.run(refuseReplica, [])
  const work = database.transaction(async (session) => {
    await session.runScript(inSchema(prelude, schema))
    const [found] = await session.run(statements.schemaStatus, [])
    await session.runScript(changes(statusOf(found, schema, protectEvents), schema))
    if (!protectEvents) await session.runScript(inSchema(dropProtection, schema))
  })
  await work.catch((error: unknown) => {
    if (isForeignObject(error) && error instanceof Error) {
      throw new SchemaMismatchError(error.message, { cause: error })
    }
    if (!isDenied(error)) throw error
    const todo = `only the owner of schema '${schema}' creates its tables and brings them up to date: let it call \`await store.schema.create()\`, and then run \`store.schema.grantSql(role)\` for this role`
    throw new MissingPrivilegesError(undefined, [], todo, error)
  })
  return schemaStatus(database, statements, schema, protectEvents)
}

/** Returns the whole script that creates the schema, for users who run it themselves, for example with psql. */
export function schemaScript(schema: string): string {
  return `begin;\n${inSchema(prelude, schema)}\n${changes(statusOf(undefined, schema, true), schema)}\ncommit;\n`
}

// Uses the same expression as start-up.sql.
const refuseReplica = statementOf(
  'refuse_replica',
  'select case when pg_is_in_recovery() then pg_current_xact_id()::text end',
)

/**
 * Looks for objects of another tool under the names of the library's own: a table `migrations` with other columns or,
 * before the tables exist, functions and views, which the library would replace. The one row says what is wrong, or has
 * null.
 */
const foreignObjects = `select case
  when own.migrations is not null and not (
    select count(*) = 4
    from pg_attribute a
    join (values ('number', 'int'::regtype), ('name', 'text'), ('checksum', 'text'), ('applied_at', 'timestamptz'))
      as c (name, type) on a.attname = c.name and a.atttypid = c.type
    where a.attrelid = own.migrations and not a.attisdropped
  ) then 'The table ''migrations'' in schema '':schema_name'' is not the event store''s: choose another schema with the option \`schema\`'
  else 'Schema '':schema_name'' has functions or views with names that the event store needs (' || (
    select string_agg(f.name, ', ' order by f.name)
    from (
      select p.proname::text from unnest(array[${routines.functions.map((signature) => `':schema.${signature}'`).join(', ')}]) as n (signature)
      join pg_proc p on p.oid = to_regprocedure(n.signature)
      union all
      select c.relname::text from pg_class c
      where c.relname in ('views', 'writer_markers') and c.relnamespace = to_regnamespace(':schema')
    ) f (name)
    where own.migrations is null
  ) || '): choose another schema with the option \`schema\`'
end as problem
from (select to_regclass(':schema.migrations') as migrations) own`

/**
 * Compares a row of `schema-status.sql` or `start-up.sql` with the migrations of this library. Undefined: no tables.
 * @throws SchemaMismatchError as `schemaStatus` does
 */
export function statusOf(row: Row | undefined, schema: string, protectEvents: boolean): SchemaStatus {
  const applied: readonly Applied[] = JSON.parse(String(row?.applied ?? '[]'))
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
  const eventsProtected = row?.events_protected === 'true'
  const upToDate = pending.length === 0 && functionsCurrent && (eventsProtected || !protectEvents)
  return { current, latest, pending, functionsCurrent, eventsProtected, upToDate }
}

/** Looks first whether the trigger exists, because even the attempt to drop it would lock the table. */
const dropProtection = `do $$ begin
  if exists (select from pg_trigger t where t.tgrelid = ':schema.events'::regclass and t.tgname = 'protect_events') then
    drop trigger protect_events on :schema.events;
  end if;
end $$;`

/**
 * The first part of every script: a lock that admits one process at a time, and the table `migrations`.
 *
 * `lock_timeout` bounds the waits after that. A change that locks a table waits for the open appends, and all other
 * appends wait behind it. After a second it fails with 55P03, the other appends pass, and the store retries.
 */
const prelude = `set local client_min_messages = warning;
set local search_path = pg_catalog, pg_temp;
select pg_advisory_xact_lock(hashtext('eventsourced migrations of :schema_name'));
set local lock_timeout = '1s';
do $$
declare
  _problem text;
begin
  -- \`if not exists\` would need the right to create schemas in this database, which an owner of the schema may lack.
  -- \`to_regnamespace\` may still answer as before the wait for the lock: it does not read the table.
  if not exists (select from pg_namespace n where n.nspname = ':schema_name') then create schema :schema; end if;
  _problem := (select p.problem from (
${foreignObjects}
  ) p);
  if _problem is not null then raise exception '%', _problem using errcode = 'ES005'; end if;
end $$;
create table if not exists :schema.migrations (
  number int primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now()
);`

/** Returns the SQL of the pending migrations, and of the functions and the trigger if one is missing or not current. */
function changes({ pending, functionsCurrent, upToDate }: SchemaStatus, schema: string): string {
  const todo = migrations.filter(({ name }) => pending.includes(name))
  const steps = todo.map(
    ({ number, name, checksum, sql }) => `${sql}\n${recordApplied(number, name, checksum)}`,
  )
  if (!functionsCurrent || !upToDate) {
    steps.push(`${routines.sql}\n${recordApplied(routinesNumber, 'functions', routines.checksum)}`)
  }
  return inSchema(steps.join('\n\n'), schema)
}

/** Returns the SQL that records a migration, or the functions, as applied. */
function recordApplied(number: number, name: string, checksum: string): string {
  return `insert into :schema.migrations (number, name, checksum) values (${number}, '${name}', '${checksum}')
on conflict (number) do update set checksum = excluded.checksum, applied_at = now();`
}
