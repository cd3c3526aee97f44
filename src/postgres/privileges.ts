/** The role of an application, which calls the functions and reads the tables, and can do nothing else to them. */
import { InvalidInputError, MissingPrivilegesError } from '../errors.ts'
import { beginning, checkReadName } from '../input.ts'
import type { Database, Row } from './client.ts'
import { textArray } from './encode.ts'
import * as sql from './sql.generated.ts'
import type { Statements } from './statements.ts'

/** What the statements of this library call and read, and with it all that an application needs to be allowed. */
const used = (() => {
  const { migrations: _migrations, routines: _routines, ...queries } = sql
  const names = [
    ...Object.values(queries)
      .join('\n')
      .matchAll(/:schema\.(\w+)(\(?)/g),
  ]
  const unique = (called: boolean) =>
    [
      ...new Set(names.filter(([, , call]) => (call === '(') === called).map(([, name]) => String(name))),
    ].sort()
  return { functions: unique(true), tables: unique(false) }
})()

/** Parameters of `start-up.sql` and `missing-privileges.sql`. */
export const usedNames = [textArray(used.functions), textArray(used.tables)]

/**
 * The script, for psql too, by which the owner of a schema lets a role use it. What else the role was granted there is
 * taken back, so that it is the same however often, and after whatever, it is run.
 * @throws InvalidInputError if the name can be no role's
 */
export function grantScript(schema: string, role: string): string {
  const quoted = quotedRole(role)
  const everything = [`all tables in schema ${schema}`, `all sequences in schema ${schema}`]
  const revoked = [...everything, `all functions in schema ${schema}`, `schema ${schema}`]
  const readable = [...used.tables, 'views'].map((name) => `${schema}.${name}`)
  const callable = used.functions.map((name) => `${schema}.${name}`)
  return `begin;
select pg_advisory_xact_lock(hashtext('eventsourced migrations of ${schema}'));
${revoked.map((objects) => `revoke all on ${objects} from ${quoted};`).join('\n')}
grant usage on schema ${schema} to ${quoted};
grant select on ${readable.join(', ')} to ${quoted};
grant execute on function ${callable.join(', ')} to ${quoted};
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
