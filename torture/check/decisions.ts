/** Whether what was seen and decided on is what the streams held just then. */
import { digest, operationOf, type Seen } from '../operation.ts'
import type { LoggedEvent } from './evidence.ts'
import type { Findings } from './findings.ts'
import type { Outcome } from './outcomes.ts'

/** Of each stream: its digest at each version. */
export type Digests = ReadonlyMap<string, readonly number[]>

export function digestsOf(streams: ReadonlyMap<string, readonly LoggedEvent[]>): Digests {
  const digests = new Map<string, number[]>()
  for (const [stream, events] of streams) {
    const all = [0]
    for (const { name } of events) all.push(digest(all.at(-1) as number, name))
    digests.set(stream, all)
  }
  return digests
}

export function checkDecisions(
  outcomes: ReadonlyMap<string, Outcome>,
  streams: ReadonlyMap<string, readonly LoggedEvent[]>,
  digests: Digests,
  findings: Findings,
): void {
  for (const [stream, events] of streams) {
    for (const [index, event] of events.entries()) {
      if (event.seen === undefined) continue
      // Of an append of several events, all carry what the first was decided on.
      const isFirst = operationOf(events[index - 1]?.name ?? '') !== operationOf(event.name)
      if (isFirst && event.seen[0] !== index) {
        findings.note(
          'stale',
          `${event.name} follows version ${index} of ${stream}, but was decided on ${event.seen[0]}`,
        )
      }
      if (!isPast(digests, stream, event.seen)) {
        findings.note('stale', `${event.name} was decided on a state that ${stream} never had`)
      }
    }
  }
  for (const [op, { invocation, seen }] of outcomes) {
    const stream = invocation.parts[0]?.stream ?? ''
    if (invocation.kind === 'read' && seen !== undefined && !isPast(digests, stream, seen)) {
      findings.note('phantom', `${op} read a state of ${stream} at version ${seen[0]} that it never had`)
    }
  }
}

function isPast(digests: Digests, stream: string, [version, seen]: Seen): boolean {
  return (digests.get(stream) ?? [0])[version] === seen
}
