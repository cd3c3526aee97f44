/** Creates the tables and keeps them up to date: runs numbered migrations, and replaces older functions. */
import {
  beginning,
  checkReadName,
  InvalidInputError,
  MissingPrivilegesError,
  SchemaMismatchError,
} from '../storage/index.ts'
import { checkServer } from './check-server.ts'
import type { Database } from './client.ts'
import { isDenied, isForeignObject, isMissingSchema } from './errors.ts'
import { views } from './privileges.ts'
import { isNewerSchema, notUpToDate, routinesNumber, type SchemaStatus, statusOf } from './schema-status.ts'
import { migrations, routines } from './sql.generated.ts'
import { inSchema, type Statements, statementOf } from './statements.ts'

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
 * @throws SchemaMismatchError as `statusOf` does, or if the schema holds another tool's objects under the library's
 * names
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
 * Creates the schema or brings it up to date, in one transaction. Any number of processes may call it at the same time,
 * also with different versions of the library: changes nothing if a newer version has updated the schema.
 * @throws UnsupportedDatabaseError if the store must not use this server or database
 * @throws MissingPrivilegesError if the role may not create or change the tables
 * @throws SchemaMismatchError as `schemaStatus` does, or if a newer version has updated the schema, and events are not
 * protected although `protectEvents` is true
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
    // A status from before the lock may be out of date: a newer version may have updated the schema meanwhile.
    const [found] = await session.run(statements.schemaStatus, [])
    const status = statusOf(found, schema, protectEvents)
    if (isNewerSchema(status)) {
      if (!status.upToDate) throw notUpToDate(status, schema)
      return
    }
    await session.runScript(changes(status, schema))
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
 * Looks for another tool's objects that have names of this library: a table `migrations` with other columns or, before
 * the tables exist, functions and views, which the library would replace. Returns one row. Its column `problem` says
 * what is wrong, or is null.
 */
const foreignObjects = `select case
  when own.migrations is not null and not (
    select count(*) = 6
    from pg_attribute a
    join (values ('number', 'int'::regtype), ('name', 'text'), ('checksum', 'text'), ('applied_at', 'timestamptz'),
      ('revision', 'int'), ('serves_from', 'int'))
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
      where c.relname in (${views.map((name) => `'${name}'`).join(', ')}) and c.relnamespace = to_regnamespace(':schema')
    ) f (name)
    where own.migrations is null
  ) || '): choose another schema with the option \`schema\`'
end as problem
from (select to_regclass(':schema.migrations') as migrations) own`

/** Checks first that the trigger exists, because even `drop trigger if exists` would lock the table. */
const dropProtection = `do $$ begin
  if exists (select from pg_trigger t where t.tgrelid = ':schema.events'::regclass and t.tgname = 'protect_events') then
    drop trigger protect_events on :schema.events;
  end if;
end $$;`

/**
 * The first part of every script: a lock that admits one process at a time, and the table `migrations`. Every version
 * of the library takes this lock and reads this table, so neither the key nor the columns may ever change.
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
  applied_at timestamptz not null default now(),
  -- Of the functions only: the revision of the schema, and the lowest revision of a library that works on it.
  revision int,
  serves_from int
);`

/** Returns the SQL of the pending migrations, and of the functions and the trigger if one is missing or not current. */
function changes({ pending, upToDate }: SchemaStatus, schema: string): string {
  const steps = migrations
    .filter(({ name }) => pending.includes(name))
    .map(({ number, name, checksum, sql }) => `${sql}\n${recordApplied(number, name, checksum)}`)
  if (!upToDate) {
    const { checksum, revision, servesFrom, sql } = routines
    steps.push(`${sql}\n${recordApplied(routinesNumber, 'functions', checksum, revision, servesFrom)}`)
  }
  return inSchema(steps.join('\n\n'), schema)
}

/** Returns the SQL that records a migration as applied, or the functions, which have a revision. */
function recordApplied(
  number: number,
  name: string,
  checksum: string,
  revision: number | null = null,
  servesFrom: number | null = null,
): string {
  return `insert into :schema.migrations (number, name, checksum, revision, serves_from)
values (${number}, '${name}', '${checksum}', ${revision}, ${servesFrom})
on conflict (number) do update set checksum = excluded.checksum, revision = excluded.revision,
  serves_from = excluded.serves_from, applied_at = now();`
}
