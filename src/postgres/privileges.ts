/** The role of an application, which calls the functions and reads the tables, and can do nothing else to them. */
import { beginning, checkReadName, InvalidInputError, MissingPrivilegesError } from '../storage/index.ts'
import type { Database, Parameters, Row } from './client.ts'
import { textArray } from './encode.ts'
import * as sql from './sql.generated.ts'
import type { Statements } from './statements.ts'

const unique = (names: Iterable<RegExpMatchArray>) =>
  [...new Set([...names].map(([, name]) => String(name)))].sort()

/** What the statements of this library call and read, and with it all that an application needs to be allowed. */
const used = (() => {
  const { migrations: _migrations, routines: _routines, ...queries } = sql
  const text = Object.values(queries).join('\n')
  return {
    functions: unique(text.matchAll(/:schema\.(\w+)\(/g)),
    tables: unique(text.matchAll(/:schema\.(\w+)\b(?!\()/g)),
  }
})()

/** Functions that only other functions call. */
const inner = unique(sql.routines.sql.matchAll(/^create or replace function :schema\.(\w+)/gm)).filter(
  (name) => !used.functions.includes(name),
)

/** Parameters of `start-up.sql` and `missing-privileges.sql`. */
export const usedNames: Parameters = [textArray(used.functions), textArray(used.tables)]

/**
 * The script, for psql too, by which the owner of a schema lets a role use it. What else the role was granted there is
 * taken back, but for functions of former versions: processes of these may still run.
 * @throws InvalidInputError if the name can be no role's
 */
export function grantScript(schema: string, role: string): string {
  const quoted = quotedRole(role)
  const named = (names: readonly string[]) => names.map((name) => `${schema}.${name}`).join(', ')
  const all = (kind: string) => `all ${kind} in schema ${schema}`
  const revoked = [all('tables'), all('sequences'), `function ${named(inner)}`, `schema ${schema}`]
  return `begin;
select pg_advisory_xact_lock(hashtext('eventsourced migrations of ${schema}'));
${revoked.map((objects) => `revoke all on ${objects} from ${quoted};`).join('\n')}
grant usage on schema ${schema} to ${quoted};
grant select on ${named([...used.tables, 'views'])} to ${quoted};
grant execute on function ${named(used.functions)} to ${quoted};
commit;
`
}

function quotedRole(role: string): string {
  checkReadName(role, 'role')
  // The server would cut a longer name, and so may mean another role.
  if (Buffer.byteLength(role) > 63) {
    throw new InvalidInputError('role', 'must not exceed 63 bytes of UTF-8', beginning(role))
  }
  // Also in quotes, "public" is everybody.
  if (role === 'public' || role === 'none' || role.startsWith('pg_')) {
    throw new InvalidInputError('role', 'must be a role of your own', beginning(role))
  }
  return `"${role.replaceAll('"', '""')}"`
}

/** Asks what it is that the role of this connection lacks. */
export async function missingPrivileges(
  database: Database,
  { missingPrivileges }: Pick<Statements, 'missingPrivileges'>,
  schema: string,
  cause: unknown,
): Promise<MissingPrivilegesError> {
  const [row] = await database.run(missingPrivileges, usedNames)
  return privilegesError(row as Row, schema, cause)
}

/** Of what `missing_privileges.sql` tells. */
export function privilegesError(row: Row, schema: string, cause?: unknown): MissingPrivilegesError {
  const role = String(row.role)
  const todo = `have the owner of schema '${schema}' run the script that \`store.schema.grantSql(${JSON.stringify(role)})\` returns`
  return new MissingPrivilegesError(role, JSON.parse(String(row.missing ?? '[]')), todo, cause)
}
