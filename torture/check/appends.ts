/** Checks that the streams hold exactly the acknowledged events: each once, in order, and where the answer said. */
import { operationOf } from '../operation.ts'
import type { LoggedEvent } from './evidence.ts'
import type { Findings } from './findings.ts'
import type { Outcome } from './outcomes.ts'

export function checkAppends(
  outcomes: ReadonlyMap<string, Outcome>,
  streams: ReadonlyMap<string, readonly LoggedEvent[]>,
  findings: Findings,
): void {
  const byOperation = new Map<string, LoggedEvent[]>()
  const ids = new Set<string>()
  for (const [stream, events] of streams) {
    let last = 0
    for (const [index, event] of events.entries()) {
      const { name, version, position, id } = event
      if (version !== index + 1)
        findings.note('out-of-order', `${stream} has version ${version} at place ${index + 1}`)
      if (position <= last)
        findings.note('out-of-order', `${stream} steps back to position ${position} with ${name}`)
      last = position
      if (ids.has(id)) findings.note('duplicated', `the event id ${id} of ${name}`)
      ids.add(id)
      const op = operationOf(name)
      const events = byOperation.get(op)
      if (events === undefined) byOperation.set(op, [event])
      else events.push(event)
    }
  }
  for (const [op, outcome] of outcomes) checkOperation(op, outcome, byOperation.get(op) ?? [], findings)
  for (const [op, events] of byOperation) {
    if (!outcomes.has(op))
      findings.note('phantom', `${op}, which no client invoked, is in ${events[0]?.stream}`)
  }
}

function checkOperation(
  op: string,
  outcome: Outcome,
  found: readonly LoggedEvent[],
  findings: Findings,
): void {
  const { invocation, state, answers } = outcome
  const expected = invocation.parts.reduce((sum, { count }) => sum + count, 0)
  if (state === 'failed') {
    findings.note('phantom', `${op} was refused, but is recorded`, found.length)
    return
  }
  const names = new Set(found.map(({ name }) => name))
  findings.note(
    'duplicated',
    `${op} is recorded ${found.length} times instead of ${names.size}`,
    found.length - names.size,
  )
  const missing = expected - names.size
  const isDue = state === 'ok' || names.size > 0
  if (isDue && missing > 0)
    findings.note('lost', `${missing} of ${expected} events of ${op} (${state})`, missing)
  for (const { stream, count } of invocation.parts) {
    checkContiguous(
      op,
      found.filter((event) => event.stream === stream),
      count,
      findings,
    )
  }
  for (const answer of answers) {
    for (const { stream, firstVersion, positions } of answer) {
      const places = new Map(
        found.filter((one) => one.stream === stream).map((one) => [one.version, one.position]),
      )
      for (const [nth, position] of positions.entries()) {
        const actual = places.get(firstVersion + nth)
        // Missing events are already counted as lost above.
        if (actual !== position && names.size === expected) {
          const answered = `the answer to ${op} put version ${firstVersion + nth} of ${stream} at position ${position}`
          findings.note('out-of-order', `${answered}, but it is at ${actual ?? 'no position'}`)
        }
      }
    }
  }
}

/** Checks that the events of one append have consecutive versions, in their order. */
function checkContiguous(
  op: string,
  events: readonly LoggedEvent[],
  count: number,
  findings: Findings,
): void {
  if (events.length !== count) return
  for (const [index, event] of events.entries()) {
    const before = events[index - 1]
    if (before === undefined) continue
    const numbers = [before, event].map(({ name }) => Number(name.slice(name.lastIndexOf('/') + 1)))
    if (event.version !== before.version + 1 || (numbers[1] as number) <= (numbers[0] as number)) {
      findings.note('out-of-order', `${op}: ${event.name} comes after ${before.name} in ${event.stream}`)
    }
  }
}
