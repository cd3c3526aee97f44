/** Judges what a look has found. */
import { EventSourcedError, hasCode } from '../errors/index.ts'
import type { SubscriptionSummary } from '../subscription/administration.ts'
import type { WorkerStatus } from '../subscription/subscription.ts'
import type {
  DatabaseCheck,
  FrontierCheck,
  HealthCheck,
  HealthStatus,
  LastAppendCheck,
  SubscriptionCheck,
} from './checks.ts'
import type { HealthLimits, Limits } from './limits.ts'
import type { Look } from './look.ts'

export function checksOf(look: Look, limits: HealthLimits): readonly HealthCheck[] {
  const { at, duration, found } = look
  if (found === undefined) return [databaseFailed(look, limits.timeout)]
  const { frontier, heldFor, subscriptions, failed } = found
  const database: DatabaseCheck =
    subscriptions === undefined
      ? { name: 'database', status: 'degraded', reason: tooSlow(limits), duration, error: undefined }
      : { name: 'database', ...ok, duration, error: undefined }
  const isHeld = heldFor > limits.maxFrontierAge
  const frontierCheck: FrontierCheck = {
    name: 'frontier',
    status: isHeld ? 'degraded' : 'ok',
    reason: isHeld
      ? `an append has been open for ${heldFor} ms, and readers of the log wait at position ${frontier.position}: end its transaction or its process`
      : undefined,
    ...{ position: frontier.position, head: frontier.head, heldFor, writers: frontier.writers },
  }
  const { position = 0, recordedAt } = frontier.last ?? {}
  const age = recordedAt && Math.max(0, at.getTime() - recordedAt.getTime())
  const lastAppend: LastAppendCheck = { name: 'last-append', ...ok, position, recordedAt, age }
  if (subscriptions === undefined) return [database, frontierCheck, lastAppend]
  const expected = limits.expected ?? subscriptions.map(({ name }) => ({ ...limits.others, name }))
  const checked = expected.map((one) => {
    const summary = subscriptions.find(({ name }) => name === one.name)
    const failure = failed.find(({ subscription }) => subscription === one.name)
    return summary === undefined ? unregistered(one.name) : subscriptionCheck(summary, failure, one, limits)
  })
  return [database, frontierCheck, lastAppend, ...checked]
}

const ok = { status: 'ok', reason: undefined } as const

const tooSlow = ({ timeout }: HealthLimits) =>
  `the database answers, but did not report all subscriptions within ${timeout} ms: raise \`timeout\`, or name the subscriptions that matter`

function databaseFailed({ duration, error, isLate }: Look, timeout: number): DatabaseCheck {
  const isReached = !isLate && error instanceof EventSourcedError && !hasCode(error, 'store-unavailable')
  const what = isLate ? `did not answer within ${timeout} ms` : 'answered with an error'
  const reason = isReached
    ? `the store refuses all calls with the error '${error.code}': docs/errors.md says what to do`
    : `the database ${what}: look at its state and at the network between it and this process`
  return { name: 'database', status: 'failed', reason, duration, error }
}

function unregistered(subscription: string): SubscriptionCheck {
  return {
    name: 'subscription',
    status: 'failed',
    reason: 'no subscription of this name is registered: start its worker, or correct the name',
    subscription,
    state: 'unregistered',
    ...{ owners: [], partitions: 0, unowned: 0, checkpoint: 0, lag: 0, lagTime: 0, parked: 0 },
    error: undefined,
  }
}

type Problem = readonly [status: Exclude<HealthStatus, 'ok'>, reason: string]

function subscriptionCheck(
  summary: SubscriptionSummary,
  failure: WorkerStatus | undefined,
  limits: Limits,
  { expected }: HealthLimits,
): SubscriptionCheck {
  const { state, successor, owners, partitions, unowned, checkpoint, lag, lagTime, parked } = summary
  const problems: Problem[] = []
  if (state === 'superseded') {
    // Without a list of names, the successor is checked under its own name.
    if (expected !== undefined) {
      problems.push(['degraded', `'${successor}' has taken over its place: expect that name instead`])
    }
  } else {
    problems.push(...runProblems(summary, failure, limits))
    if (parked > limits.maxParked) {
      problems.push(['degraded', `${parked} events are parked or blocked: retry or skip them`])
    }
  }
  const status = problems.some(([status]) => status === 'failed')
    ? 'failed'
    : problems.length > 0
      ? 'degraded'
      : 'ok'
  return {
    name: 'subscription',
    status,
    reason: problems.map(([, reason]) => reason).join('; ') || undefined,
    subscription: summary.name,
    ...{ state, owners, partitions, unowned, checkpoint, lag, lagTime, parked },
    error: failure?.lastError,
  }
}

/** The problems of a subscription that has its own place. */
function runProblems(
  { state, partitions, unowned, lag, lagTime }: SubscriptionSummary,
  failure: WorkerStatus | undefined,
  { maxLag, maxLagTime, scheduled }: Limits,
): readonly Problem[] {
  // The workers of a paused subscription release their partitions, and its lag is no surprise.
  if (state === 'paused') return [['degraded', 'an operator has paused it: resume it']]
  const problems: Problem[] = []
  if (failure !== undefined) {
    const status = unowned > 0 ? 'failed' : 'degraded'
    problems.push([status, 'its worker in this process has failed: repair the cause and restart the process'])
  } else if (!scheduled && unowned === partitions) {
    problems.push(['failed', 'no worker runs it: start one'])
  } else if (!scheduled && unowned > 0) {
    problems.push([
      'degraded',
      `no worker holds ${unowned} of its ${partitions} partitions: start more workers`,
    ])
  }
  if (lag > maxLag) problems.push(['degraded', `it is ${lag} positions behind, more than ${maxLag}`])
  if (lagTime > maxLagTime) {
    problems.push(['degraded', `an event has waited for ${lagTime} ms, longer than ${maxLagTime} ms`])
  }
  return problems
}
