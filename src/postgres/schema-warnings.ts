/** Finds settings and privileges with which the store works, but may lose events or come to a stop. */
import type { Database, Row } from './client.ts'
import { lossySettings } from './lossy-settings.ts'
import { usedNames } from './privileges.ts'
import type { SchemaStatus } from './schema-status.ts'
import type { Statements } from './statements.ts'

/** A setting or a privilege that endangers the events, or the work of the store. */
export interface SchemaWarning {
  /** Names the finding. A name never changes. */
  readonly kind:
    | 'fsync-off'
    | 'full-page-writes-off'
    | 'synchronous-commit-off'
    | 'no-idle-timeout'
    | 'autovacuum-off'
    | 'transaction-ids'
    | 'privileges-missing'
    | 'events-writable'
    | 'role-owns-events'
  /** What follows from it, and what to do. */
  readonly message: string
  /** The statements of SQL, each to run on its own, or the call of the store that mends it. */
  readonly remedy: string
  /** The role that it is about, if it is about a role. */
  readonly role?: string | undefined
}

/** What `store.schema.status()` and `create()` return: how the tables compare, and what endangers them. */
export interface SchemaReport extends SchemaStatus {
  /**
   * Settings and privileges that endanger the events, or the work of the store. Empty if all is well, if the tables are
   * missing, and on PGlite, which has one session and no settings of its own.
   */
  readonly warnings: readonly SchemaWarning[]
}

/** Adds the warnings to a status. Changes nothing. */
export async function withWarnings(
  database: Database,
  { schemaWarnings }: Pick<Statements, 'schemaWarnings'>,
  schema: string,
  status: SchemaStatus,
): Promise<SchemaReport> {
  if (database.isEmbedded || status.current === 0) return { ...status, warnings: [] }
  const [found = {}] = await database.run(schemaWarnings, usedNames)
  return { ...status, warnings: [...settings(found), ...care(found, schema), ...privileges(found, schema)] }
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

const listOf = <Entry>(json: Row[string] | undefined): readonly Entry[] => JSON.parse(String(json ?? '[]'))

/** Settings that lose events in a crash. */
function* settings(found: Row): Iterable<SchemaWarning> {
  const ofServer = (setting: string) => `alter system set ${setting} = on; select pg_reload_conf()`
  const own = [...lossySettings(found)]
  const message = (code: SchemaWarning['kind']) => own.find((warning) => warning.code === code)?.message
  for (const [kind, setting] of [
    ['fsync-off', 'fsync'],
    ['full-page-writes-off', 'full_page_writes'],
  ] as const) {
    const text = message(kind)
    if (text !== undefined) yield { kind, message: text, remedy: ofServer(setting) }
  }
  const lossy = listOf<{ readonly role: string | null; readonly database: string | null }>(
    found.lossy_sessions,
  )
  for (const { role, database } of lossy) yield lossySession(role, database)
  // Neither the role of this session nor the database has it, so the server or this connection does.
  const isOfSession = lossy.some(({ role }) => role === null || role === found.role)
  const text = message('synchronous-commit-off')
  if (text !== undefined && !isOfSession) {
    yield { kind: 'synchronous-commit-off', message: text, remedy: ofServer('synchronous_commit') }
  }
}

function lossySession(role: string | null, database: string | null): SchemaWarning {
  const [whose, change] =
    role === null
      ? [`Sessions of database '${database}' have`, `alter database ${quoted(String(database))}`]
      : database === null
        ? [`Role '${role}' has`, `alter role ${quoted(role)}`]
        : [
            `Role '${role}' has in database '${database}'`,
            `alter role ${quoted(role)} in database ${quoted(database)}`,
          ]
  return {
    kind: 'synchronous-commit-off',
    message: `${whose} synchronous_commit = off: when the server fails, it loses appends that were answered already, and their positions are given to others. Reset it, and connect again`,
    remedy: `${change} reset synchronous_commit`,
  }
}

/** How many times the age at which autovacuum must freeze a database shows that it does not. */
const ageFactor = 2

/** What stops the readers of the log, or the server, after some time. */
function* care(found: Row, schema: string): Iterable<SchemaWarning> {
  if (found.idle_timeout === '0') {
    yield {
      kind: 'no-idle-timeout',
      message:
        "The session has no idle_in_transaction_session_timeout: a program that stops in a transaction of its own, in which it has appended, holds all readers of the log back until its connection ends. The store's own transactions set one themselves",
      remedy: `alter role ${quoted(String(found.role))} set idle_in_transaction_session_timeout = '1min'`,
    }
  }
  const vacuum =
    'without it, tables grow, queries become slow, and the server stops when it runs out of transaction ids'
  if (found.autovacuum === 'off') {
    yield {
      kind: 'autovacuum-off',
      message: `Postgres runs with autovacuum = off: ${vacuum}. Set autovacuum = on`,
      remedy: 'alter system set autovacuum = on; select pg_reload_conf()',
    }
  }
  for (const table of listOf<string>(found.unvacuumed)) {
    yield {
      kind: 'autovacuum-off',
      message: `Table '${table}' has autovacuum_enabled = off: ${vacuum}. Reset it`,
      remedy: `alter table ${quoted(schema)}.${quoted(table)} reset (autovacuum_enabled)`,
    }
  }
  const [age, limit] = [Number(found.transaction_age), Number(found.freeze_age)]
  if (age > ageFactor * limit) {
    yield {
      kind: 'transaction-ids',
      message: `The oldest transaction id of database '${found.database}' is ${age} transactions old, and autovacuum should freeze it after ${limit}: the server stops at 2,146,000,000. End old transactions, prepared transactions and replication slots, and freeze`,
      remedy: 'vacuum (freeze)',
    }
  }
}

/** Who lacks privileges, and who has too many. */
function* privileges(found: Row, schema: string): Iterable<SchemaWarning> {
  const role = String(found.role)
  const missing = listOf<string>(found.missing)
  if (missing.length > 0) {
    yield {
      kind: 'privileges-missing',
      message: `Role '${role}' lacks ${missing.join(', ')}, so the store refuses its calls. The owner of schema '${schema}' must grant them`,
      remedy: `store.schema.grantSql(${JSON.stringify(role)})`,
      role,
    }
  }
  for (const { role, privileges } of listOf<{ readonly role: string; readonly privileges: string }>(
    found.writers_of_events,
  )) {
    yield {
      kind: 'events-writable',
      message: `Role '${role}' has the privileges ${privileges} on the events, which only the functions of the store need. Revoke them`,
      remedy: `revoke ${privileges} on ${quoted(schema)}.events from ${role}`,
      role,
    }
  }
  if (found.is_owner === 'true') {
    yield {
      kind: 'role-owns-events',
      message: `Role '${role}' owns the events, or acts as their owner, so it can turn their protection off, and change and delete them. Let applications use a role of their own`,
      remedy: 'store.schema.grantSql(role)',
      role,
    }
  }
}
