/** Checks that each reader of the log and each subscription received all events, and in order. */
import type { Delivered, DeliveryLine } from '../delivery.ts'
import type { LoggedEvent } from './evidence.ts'
import type { Findings } from './findings.ts'

type Log = ReadonlyMap<number, LoggedEvent>

/** Returns all events by position, in order. */
export function logOf(streams: ReadonlyMap<string, readonly LoggedEvent[]>): Map<number, LoggedEvent> {
  const events = [...streams.values()].flat().sort((one, other) => one.position - other.position)
  return new Map(events.map((event) => [event.position, event]))
}

/** Checks a reader of the log, which must receive each event once, in order of position. */
export function checkFollower(
  who: string,
  lines: readonly DeliveryLine[],
  log: Log,
  findings: Findings,
): void {
  const delivered = lines.flatMap(({ events }) => events)
  let last = 0
  for (const [position, , , name] of delivered) {
    if (position === last) findings.note('duplicated', `${who} got ${name} twice`)
    else if (position < last) findings.note('out-of-order', `${who} got position ${position} after ${last}`)
    last = Math.max(last, position)
  }
  checkComplete(who, delivered, log, findings)
}

/**
 * Checks a subscription. It may handle an event again after a crash, but it must have handled all earlier events of the
 * stream before. For each version, the first time counts. Returns how often an event was handled again.
 */
export function checkSubscription(
  who: string,
  lines: readonly DeliveryLine[],
  log: Log,
  findings: Findings,
): number {
  const versions = new Map<string, number>()
  const inTime = [...lines].sort((one, other) => one.at - other.at)
  let again = 0
  for (const { by, events } of inTime) {
    for (const [, stream, version, name] of events) {
      const known = versions.get(stream) ?? 0
      if (version > known + 1) {
        findings.note(
          'out-of-order',
          `${who}: ${by} handled ${name} (${version} of ${stream}) right after version ${known}`,
        )
      }
      if (version <= known) again++
      versions.set(stream, Math.max(known, version))
    }
  }
  checkComplete(
    who,
    inTime.flatMap(({ events }) => events),
    log,
    findings,
  )
  return again
}

function checkComplete(who: string, delivered: readonly Delivered[], log: Log, findings: Findings): void {
  const got = new Set<number>()
  for (const [position, stream, version, name] of delivered) {
    got.add(position)
    const event = log.get(position)
    if (event?.name !== name || event.stream !== stream || event.version !== version) {
      findings.note('phantom', `${who} got ${name} at ${position}, where ${event?.name ?? 'nothing'} is`)
    }
  }
  for (const [position, { name }] of log) {
    if (!got.has(position)) findings.note('skipped', `${who} never got ${name} at ${position}`)
  }
}
