/** Refuses servers and sessions on which the store would lose or garble events. */
import { UnsupportedDatabaseError } from '../storage/index.ts'
import type { Database, Row } from './client.ts'
import type { Statements } from './statements.ts'

const leastVersion = 14

/** Servers that speak the protocol of Postgres, each with what its `version()` contains. */
const otherServers: readonly (readonly [sign: RegExp, name: string])[] = [
  [/CockroachDB/, 'CockroachDB'],
  [/-YB-/, 'YugabyteDB'],
  [/Redshift/, 'Amazon Redshift'],
  [/Greenplum/, 'Greenplum'],
  [/Materialize/, 'Materialize'],
]

/** Asks the server, and checks the answer. @throws UnsupportedDatabaseError as `checkFacts` does */
export async function checkServer(
  database: Database,
  { sessionFacts }: Pick<Statements, 'sessionFacts'>,
): Promise<void> {
  const [facts] = await database.run(sessionFacts, [])
  if (facts !== undefined) checkFacts(facts)
}

/** Checks a row of `session-facts.sql` or `start-up.sql`. @throws UnsupportedDatabaseError */
export function checkFacts(facts: Row): void {
  const version = String(facts.version)
  const other = otherServers.find(([sign]) => sign.test(version))
  if (other !== undefined) {
    throw new UnsupportedDatabaseError(
      `The server is ${other[1]}. The order of the log depends on advisory locks as PostgreSQL implements them: use a PostgreSQL server`,
    )
  }
  if (Number(facts.version_number) < leastVersion * 10_000) {
    throw new UnsupportedDatabaseError(
      `The server is too old (${version}): the store needs PostgreSQL ${leastVersion} or later`,
    )
  }
  if (facts.server_encoding !== 'UTF8') {
    throw new UnsupportedDatabaseError(
      `The database has the encoding ${facts.server_encoding}, which cannot hold every event: create one with \`create database … template template0 encoding 'UTF8'\``,
    )
  }
  if (facts.client_encoding !== 'UTF8') {
    throw new UnsupportedDatabaseError(
      `The session has client_encoding = ${facts.client_encoding}, and the driver reads every text as UTF-8: remove this setting from the connection or the role`,
    )
  }
  if (facts.array_nulls === 'off') {
    throw new UnsupportedDatabaseError(
      'The session has array_nulls = off, so that lists cannot hold null: set it to on for the role of the application, with `alter role … set array_nulls = on`',
    )
  }
}

/** Checks that the server shows a session's writer marker. @throws UnsupportedDatabaseError */
export function checkMarkers(facts: Row): void {
  if (facts.sees_own_marker === 'true') return
  throw new UnsupportedDatabaseError(
    `The server does not show an advisory lock that this session holds (${facts.version}), so that readers of the log could miss events: use a PostgreSQL server`,
  )
}
