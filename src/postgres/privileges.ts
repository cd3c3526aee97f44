/** Privileges of an application role: it may call the functions and read the tables, and nothing else. */
import { beginning, checkReadName, InvalidInputError, MissingPrivilegesError } from '../storage/index.ts'
import type { Database, Parameters, Row } from './client.ts'
import { textArray } from './encode.ts'
import * as sql from './sql.generated.ts'
import type { Statements } from './statements.ts'

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

/** The functions that only other functions call. */
const internalFunctions = unique(
  sql.routines.sql.matchAll(/^create or replace function :schema\.(\w+)/gm),
).filter((name) => !usedObjects.functions.includes(name))

/** The parameters of `start-up.sql` and `missing-privileges.sql`. */
export const usedNames: Parameters = [textArray(usedObjects.functions), textArray(usedObjects.tables)]

/**
 * Returns the script with which the owner of a schema lets a role use it. Any SQL client can run it, for example psql.
 *
 * The script revokes the role's other privileges in the schema. Functions of former versions are an exception:
 * processes of these versions may still run.
 * @throws InvalidInputError if no role that an application may use can have this name
 */
export function grantScript(schema: string, role: string): string {
  const quoted = quotedRole(role)
  const named = (names: readonly string[]) => names.map((name) => `${schema}.${name}`).join(', ')
  const all = (kind: string) => `all ${kind} in schema ${schema}`
  const revoked = [
    all('tables'),
    all('sequences'),
    `function ${named(internalFunctions)}`,
    `schema ${schema}`,
  ]
  return `begin;
select pg_advisory_xact_lock(hashtext('eventsourced migrations of ${schema}'));
${revoked.map((objects) => `revoke all on ${objects} from ${quoted};`).join('\n')}
grant usage on schema ${schema} to ${quoted};
grant select on ${named([...usedObjects.tables, 'views'])} to ${quoted};
grant execute on function ${named(usedObjects.functions)} to ${quoted};
commit;
`
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
