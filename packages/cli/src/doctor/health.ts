/** Looks at what runs: the database, who holds the readers of the log back, and each subscription with its workers. */
import { MissingPrivilegesError, type SubscriptionSummary } from '@eventsourced/core'
import type { FrontierCheck, HealthCheck, SubscriptionCheck } from '@eventsourced/core/health'
import { duration } from '../output/progress.ts'
import { type Finding, ok, problem, warning, word } from './finding.ts'
import { missingPrivileges } from './tables.ts'

/** Returns what a check found. `subscriptions`: those of the store, by name. */
export function healthFindings(
  check: HealthCheck,
  subscriptions: ReadonlyMap<string, SubscriptionSummary>,
): Iterable<Finding> {
  if (check.name === 'frontier') return frontierFindings(check)
  if (check.name !== 'subscription') return [otherFinding(check)]
  return subscriptionFindings(check, subscriptions.get(check.subscription))
}

type OtherCheck = Exclude<HealthCheck, FrontierCheck | SubscriptionCheck>

function otherFinding(check: OtherCheck): Finding {
  if (check.name === 'last-append') {
    const { position, recordedAt } = check
    return ok(
      'last-append',
      recordedAt === undefined ? 'the log is empty' : `position ${position}, ${recordedAt.toISOString()}`,
    )
  }
  if (check.status === 'ok') return ok('database', `answers in ${Math.round(check.duration)} ms`)
  if (check.error instanceof MissingPrivilegesError) return missingPrivileges(check.error)
  const [what = '', remedy = 'eventsourced status'] = (check.reason ?? '').split(': ')
  return check.status === 'degraded' ? warning('database', what, remedy) : problem('database', what, remedy)
}

/** Each writer that holds the readers back is a finding of its own, because each one is ended on its own. */
function* frontierFindings({ status, position, head, heldFor, writers }: FrontierCheck): Iterable<Finding> {
  if (status === 'ok') {
    yield ok('frontier', `readers see all events up to position ${position}`)
    return
  }
  const held = `readers wait at position ${position} of ${head}, for ${duration(heldFor)}`
  if (writers.length === 0)
    yield warning(
      'frontier',
      `${held}; the database does not show who holds them back`,
      'as a member of pg_read_all_stats: eventsourced doctor',
    )
  for (const { pid, applicationName, state, openTime, slot } of writers) {
    if (pid === undefined) {
      yield warning(
        'frontier',
        `${held}: slot ${slot} has no events`,
        'eventsourced doctor: a reader that waits seals the slot',
      )
      continue
    }
    const program = applicationName ? `, application name '${applicationName}'` : ''
    const open =
      openTime === undefined
        ? 'open, but the database shows its state only to pg_read_all_stats'
        : `${state}, open for ${duration(openTime)}`
    yield warning(
      'frontier',
      `${held}: process ${pid} of the server${program}, ${open}`,
      `psql -c 'select pg_terminate_backend(${pid})'`,
    )
  }
}

function* subscriptionFindings(
  check: SubscriptionCheck,
  summary: SubscriptionSummary | undefined,
): Iterable<Finding> {
  const { subscription: name, state, owners, lag, parked } = check
  const subject = `subscription ${name}`
  if (state === 'superseded') {
    const successor = summary?.successor ?? 'another one'
    yield warning(
      subject,
      `'${successor}' has taken over its place`,
      `once no process starts it any more: eventsourced subscriptions remove ${word(name)}`,
    )
    return
  }
  if (check.status === 'ok') {
    yield ok(subject, `${state}, ${lag} positions behind, ${owners.length} workers`)
    return
  }
  const isParked = parked > 0
  const reasons = (check.reason ?? '').split('; ')
  for (const reason of reasons) {
    const isAboutParked = isParked && reason.includes('parked or blocked')
    const [what = '', advice = ''] = reason.split(': ')
    if (isAboutParked)
      yield warning(
        subject,
        what,
        `eventsourced parked list ${word(name)}; eventsourced parked retry ${word(name)} --all`,
      )
    else if (state === 'paused')
      yield warning(subject, what, `eventsourced subscriptions resume ${word(name)}`)
    else if (owners.length === 0)
      yield problem(
        subject,
        what,
        `start a process that runs it; if no program has it any more: ${removalOf(name, summary)}`,
      )
    else
      yield warning(
        subject,
        what,
        advice ||
          `start more workers; if all partitions have one: eventsourced subscriptions repartition ${word(name)} PARTITIONS`,
      )
  }
}

/** The subscription of a projection cannot be removed while the projection has documents. */
function removalOf(name: string, summary: SubscriptionSummary | undefined): string {
  const remove = `eventsourced subscriptions remove ${word(name)}`
  return summary?.kind === 'projection' ? `eventsourced projections drop ${word(name)}; ${remove}` : remove
}
