/** Privileges of an application role: it may call the functions and read the tables, and nothing else. */
import { beginning, checkReadName, InvalidInputError, MissingPrivilegesError } from '../storage/index.ts'
import type { Database, Parameters, Row } from './client.ts'
import { textArray } from './encode.ts'
import { routinesNumber } from './schema-status.ts'
import * as sql from './sql.generated.ts'
import { quotedSchema, type Statements } from './statements.ts'

const unique = (names: Iterable<RegExpMatchArray>) =>
  [...new Set([...names].map(([, name]) => String(name)))].sort()

/** The functions that the statements of this library call, and the tables that they read: all that a role needs. */
const usedObjects = (() => {
  const { migrations: _migrations, routines: _routines, ...queries } = sql
  const text = Object.values(queries).join('\n')
  return {
    functions: unique(text.matchAll(/:schema\.(\w+)\(/g)),
    tables: unique(text.matchAll(/:schema\.(\w+)\b(?!\()/g)),
  }
})()

/** All views. Most are for queries of applications and people: the library reads few of them. */
export const views: readonly string[] = unique(
  sql.routines.sql.matchAll(/^create or replace view :schema\.(\w+)/gm),
)

/** All tables, views and sequences of the library. */
const relations = (() => {
  const text = [...sql.migrations.map((migration) => migration.sql), sql.routines.sql].join('\n')
  const created = text.matchAll(/^create (?:or replace )?(?:table|view|sequence) :schema\.(\w+)/gm)
  return ['migrations', ...unique(created)]
})()

const isUsed = (signature: string) => usedObjects.functions.includes(signature.replace(/\(.*/, ''))

/** The parameters of `start-up.sql` and `missing-privileges.sql`. */
export const usedNames: Parameters = [textArray(usedObjects.functions), textArray(usedObjects.tables)]

/**
 * Returns the script with which the owner of a schema lets a role use it. Any SQL client can run it, for example psql.
 *
 * The script revokes the role's other privileges on the library's objects and on the schema, and leaves the user's own
 * objects alone. It also leaves functions of former versions alone: processes of these versions may still run. It
 * revokes nothing if a newer version of the library has updated the schema: that version may need what this one does
 * not.
 * @throws InvalidInputError if no role that an application may use can have this name
 */
export function grantScript(schema: string, role: string): string {
  const quoted = quotedRole(role)
  const own = quotedSchema(schema)
  const named = (names: readonly string[]) => names.map((name) => `${own}.${name}`).join(', ')
  const { functions, revision } = sql.routines
  // A table privilege that is revoked from a sequence is one of the sequence's own.
  const revoked = [
    named(relations),
    `function ${named(functions.filter((signature) => !isUsed(signature)))}`,
    `schema ${own}`,
  ]
  const quote = dollarQuote(quoted)
  return `begin;
set local search_path = pg_catalog, pg_temp;
select pg_advisory_xact_lock(hashtext('eventsourced migrations of ${schema}'));
do ${quote}
declare
  _revision int;
  _serves_from int;
begin
  select m.revision, m.serves_from into _revision, _serves_from
  from ${own}.migrations m where m.number = ${routinesNumber};
  if _serves_from > ${revision} then
    raise exception '%', format('the schema is at revision %s, which serves the library from revision %s on, and this script is of revision ${revision}: update the library', _revision, _serves_from)
      using errcode = 'ES009';
  end if;
  -- A newer version of the library may need privileges that this one does not know.
  if _revision > ${revision} then return; end if;
${revoked.map((objects) => `  revoke all on ${objects} from ${quoted};`).join('\n')}
end ${quote};
grant usage on schema ${own} to ${quoted};
grant select on ${named([...new Set([...usedObjects.tables, ...views])])} to ${quoted};
grant execute on function ${named(functions.filter(isUsed))} to ${quoted};
commit;
`
}

/** Returns a dollar quote for a text: a mark that the text does not contain. */
function dollarQuote(text: string): string {
  let mark = '$revoke$'
  for (let number = 1; text.includes(mark); number++) mark = `$revoke_${number}$`
  return mark
}

function quotedRole(role: string): string {
  checkReadName(role, 'role')
  // The server would truncate a longer name, and the result may be another role.
  if (Buffer.byteLength(role) > 63) {
    throw new InvalidInputError('role', 'must not exceed 63 bytes of UTF-8', beginning(role))
  }
  // "public" means every role, even in quotes.
  if (role === 'public' || role === 'none' || role.startsWith('pg_')) {
    throw new InvalidInputError('role', 'must be a role of your own', beginning(role))
  }
  return `"${role.replaceAll('"', '""')}"`
}

/** Finds the privileges that the role of this connection lacks. Returns the error that names them. */
export async function missingPrivileges(
  database: Database,
  { missingPrivileges }: Pick<Statements, 'missingPrivileges'>,
  schema: string,
  cause: unknown,
): Promise<MissingPrivilegesError> {
  const [row] = await database.run(missingPrivileges, usedNames)
  return privilegesError(row as Row, schema, cause)
}

/** Makes the error from a row of `missing-privileges.sql` or `start-up.sql`. */
export function privilegesError(row: Row, schema: string, cause?: unknown): MissingPrivilegesError {
  const role = String(row.role)
  const todo = `have the owner of schema '${schema}' run the script that \`store.schema.grantSql(${JSON.stringify(role)})\` returns`
  return new MissingPrivilegesError(role, JSON.parse(String(row.missing ?? '[]')), todo, cause)
}
