/** The checker of all campaigns: compares the histories of the clients with the contents of the store. */
import { checkAppends } from './appends.ts'
import { checkDecisions, digestsOf } from './decisions.ts'
import { checkFollower, checkSubscription, logOf } from './deliveries.ts'
import { checkDocuments } from './documents.ts'
import type { Evidence } from './evidence.ts'
import { Findings } from './findings.ts'
import { checkLogOrder } from './log-order.ts'
import { checkOrder } from './order.ts'
import { outcomesOf } from './outcomes.ts'
import { checkShardSubscription } from './shard-subscriptions.ts'

export interface Verdict {
  /** The number of recorded events. */
  readonly appended: number
  readonly findings: Findings
  readonly operations: { readonly ok: number; readonly failed: number; readonly unknown: number }
  /** How many of the `ok` operations were appends in a slow transaction of the caller's own. */
  readonly slow: number
  /** How many of the `unknown` operations happened. */
  readonly unknownButDone: number
  /** How many stored events were read as two. */
  readonly splits: number
  /** How often a subscription handled an event again, as it may after a crash. */
  readonly handledAgain: number
  /** The longest time between two acknowledgements, in microseconds. */
  readonly longestPause: number
}

export function check(evidence: Evidence): Verdict {
  const { streams, followers, subscriptions, projections } = evidence
  const findings = new Findings()
  const outcomes = outcomesOf(evidence.operations)
  const digests = digestsOf(streams)
  const log = logOf(streams)
  const events = [...streams.values()].reduce((sum, { length }) => sum + length, 0)
  findings.note('duplicated', 'positions have more than one event', events - log.size)

  checkAppends(outcomes, streams, findings)
  checkDecisions(outcomes, streams, digests, findings)
  checkOrder(outcomes, streams, findings)
  checkLogOrder(outcomes, streams, findings)
  for (const [who, lines] of followers) checkFollower(who, lines, log, findings)
  let handledAgain = 0
  for (const [who, lines] of subscriptions) handledAgain += checkSubscription(who, lines, log, findings)
  for (const [who, history] of evidence.shardSubscriptions ?? []) {
    handledAgain += checkShardSubscription(who, history, streams, findings)
  }
  for (const [who, projected] of projections) checkDocuments(who, projected, streams, digests, findings)

  const states = [...outcomes.values()].map(({ state }) => state)
  const countOf = (wanted: string) => states.filter((state) => state === wanted).length
  const present = new Set([...log.values()].map(({ name }) => name.slice(0, name.lastIndexOf('/'))))
  const ends = [...outcomes.values()]
    .map(({ end }) => end)
    .filter(Number.isFinite)
    .sort((a, b) => a - b)
  return {
    appended: events,
    findings,
    operations: { ok: countOf('ok'), failed: countOf('failed'), unknown: countOf('unknown') },
    slow: [...outcomes.values()].filter(
      ({ state, invocation }) => state === 'ok' && invocation.kind === 'slow',
    ).length,
    unknownButDone: [...outcomes].filter(([op, { state }]) => state === 'unknown' && present.has(op)).length,
    splits: [...log.values()].filter(({ isSplit }) => isSplit).length,
    handledAgain,
    longestPause: ends.reduce((most, end, at) => Math.max(most, end - (ends[at - 1] ?? end)), 0),
  }
}

/** Returns all events by position, in order. */
