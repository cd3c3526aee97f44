/** Checks that each state that a client read or decided on is the state that its stream had at that time. */
import { digest, type Invocation, operationOf, type Seen } from '../operation.ts'
import type { LoggedEvent } from './evidence.ts'
import type { Findings } from './findings.ts'
import type { Outcome } from './outcomes.ts'

/** The digests of each stream, by version. */
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
      // All events of an append carry the state that the first one was decided on.
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
  for (const [op, { invocation, seen, refused }] of outcomes) {
    checkRefusal(op, invocation, refused, outcomes, streams, findings)
    const stream = invocation.parts[0]?.stream ?? ''
    if (invocation.kind === 'read' && seen !== undefined && !isPast(digests, stream, seen)) {
      findings.note('phantom', `${op} read a state of ${stream} at version ${seen[0]} that it never had`)
    }
  }
}

/** Checks a refusal at version n: another operation must have appended version n + 1 before. */
function checkRefusal(
  op: string,
  { kind, parts, seen }: Invocation,
  refused: number,
  outcomes: ReadonlyMap<string, Outcome>,
  streams: ReadonlyMap<string, readonly LoggedEvent[]>,
  findings: Findings,
): void {
  if (kind !== 'append-at' || seen === undefined || !Number.isFinite(refused)) return
  const next = streams.get(parts[0]?.stream ?? '')?.[seen[0]]
  const begin = next && outcomes.get(operationOf(next.name))?.begin
  if (begin === undefined || begin > refused) {
    findings.note(
      'stale',
      `${op} was refused, although no operation had appended after version ${seen[0]} of ${parts[0]?.stream}`,
    )
  }
}

function isPast(digests: Digests, stream: string, [version, seen]: Seen): boolean {
  return (digests.get(stream) ?? [0])[version] === seen
}
