/** Looks at the tables: whether they are current and protected, and the settings and privileges that endanger them. */
import { MissingPrivilegesError } from '@eventsourced/core'
import type { CommandContext } from '../context.ts'
import type { AnyStore } from '../target/known.ts'
import { type Finding, ok, problem, warning, word } from './finding.ts'

type Tables = Awaited<ReturnType<NonNullable<AnyStore['schema']>['status']>>
type Warning = Tables['warnings'][number]

const subjects: Readonly<Record<Warning['kind'], string>> = {
  'fsync-off': 'settings',
  'full-page-writes-off': 'settings',
  'synchronous-commit-off': 'settings',
  'no-idle-timeout': 'settings',
  'autovacuum-off': 'settings',
  'transaction-ids': 'settings',
  'privileges-missing': 'rights',
  'events-writable': 'rights',
  'role-owns-events': 'rights',
  'time-to-live-off': 'settings',
  'point-in-time-recovery-off': 'settings',
  'point-in-time-recovery-unknown': 'settings',
  'deletion-protection-off': 'settings',
  'infrequent-access': 'settings',
  'stream-view': 'settings',
  replicas: 'settings',
}

/** Yields the findings. Returns whether the store can be used, so that there is more to look at. */
export async function* tablesFindings({ store }: CommandContext): AsyncGenerator<Finding, boolean> {
  if (store.schema === undefined) return true
  let tables: Tables
  try {
    tables = await store.schema.status()
  } catch (error) {
    if (!(error instanceof MissingPrivilegesError)) throw error
    yield missingPrivileges(error)
    return false
  }
  const isUnprotected = 'eventsProtected' in tables && !tables.eventsProtected
  const isMissing =
    'pending' in tables ? tables.pending.length > 0 || !tables.functionsCurrent : !tables.upToDate
  if (isMissing) {
    yield problem('tables', 'missing, or older than this version', 'eventsourced migrate')
    return false
  }
  if (!tables.upToDate) {
    const finding = 'no trigger protects the events from changes, so stores refuse their calls'
    yield problem('tables', finding, 'eventsourced migrate')
  } else if (isUnprotected) {
    yield warning('tables', 'no trigger protects the events from changes', 'eventsourced migrate')
  } else yield ok('tables', 'up to date')
  for (const one of tables.warnings) {
    if (one.kind === 'privileges-missing') yield problem(subjects[one.kind], one.message, grantTo(one.role))
    else yield warning(subjects[one.kind], one.message, remedyOf(one))
  }
  return tables.upToDate && !tables.warnings.some(({ kind }) => kind === 'privileges-missing')
}

/** The finding for an error that says which privileges the role of the connection lacks. */
export function missingPrivileges({ message, role }: MissingPrivilegesError): Finding {
  return problem('rights', message, grantTo(role))
}

const grantTo = (role: string | undefined) =>
  `as the owner: eventsourced migrate --grant ${role === undefined ? 'ROLE' : word(role)} | psql`

function remedyOf(one: Warning): string {
  if (one.kind === 'role-owns-events') return 'eventsourced migrate --grant ROLE | psql'
  // The remedies of Postgres are statements; those of DynamoDB are commands.
  return 'table' in one
    ? one.remedy
    : `psql${statementsOf(one.remedy)
        .map((one) => ` -c ${word(one)}`)
        .join('')}`
}

/** `psql` runs what one `-c` has as one transaction, and Postgres refuses `alter system` in one. */
const statementsOf = (remedy: string): readonly string[] => remedy.split(/; (?=select pg_reload_conf\(\)$)/)
