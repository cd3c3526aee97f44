/** Checks that the log agrees with time: an append that was acknowledged before another one began is before it in the log. */

import { operationOf } from '../operation.ts'
import type { LoggedEvent } from './evidence.ts'
import type { Findings } from './findings.ts'
import type { Outcome } from './outcomes.ts'

export function checkLogOrder(
  outcomes: ReadonlyMap<string, Outcome>,
  streams: ReadonlyMap<string, readonly LoggedEvent[]>,
  findings: Findings,
): void {
  const first = new Map<string, number>()
  const last = new Map<string, number>()
  for (const events of streams.values()) {
    for (const { name, position } of events) {
      const op = operationOf(name)
      first.set(op, Math.min(first.get(op) ?? position, position))
      last.set(op, Math.max(last.get(op) ?? position, position))
    }
  }
  const begins = [...outcomes]
    .filter(([op]) => first.has(op))
    .sort(([, one], [, other]) => one.begin - other.begin)
  const ends = begins
    .filter(([, { end }]) => Number.isFinite(end))
    .sort(([, one], [, other]) => one.end - other.end)
  let ended = 0
  let highest = 0
  for (const [op, { begin }] of begins) {
    for (; (ends[ended]?.[1].end ?? begin) < begin; ended++) {
      highest = Math.max(highest, last.get(ends[ended]?.[0] ?? '') ?? 0)
    }
    const position = first.get(op) as number
    if (position <= highest) {
      findings.note(
        'out-of-order',
        `${op} is at position ${position}, although position ${highest} was acknowledged before it began`,
      )
    }
  }
}
