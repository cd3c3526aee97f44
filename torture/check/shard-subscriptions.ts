/** Checks a subscription that selects some shards: against the streams as if they had no other events. */
import type { DeliveryLine } from '../delivery.ts'
import { shardOf } from '../operation.ts'
import { digestsOf } from './decisions.ts'
import { checkSubscription, logOf } from './deliveries.ts'
import { checkDocuments } from './documents.ts'
import type { LoggedEvent, ShardHistory } from './evidence.ts'
import type { Findings } from './findings.ts'

/** Returns how often an event was handled again. */
export function checkShardSubscription(
  who: string,
  { shards, lines, documents }: ShardHistory,
  streams: ReadonlyMap<string, readonly LoggedEvent[]>,
  findings: Findings,
): number {
  const selected = selectedStreams(streams, shards)
  if (documents !== undefined) {
    checkDocuments(who, { streamPrefix: '', documents }, selected, digestsOf(selected), findings)
    return 0
  }
  const log = logOf(selected)
  const renumbered = lines.map((line): DeliveryLine => {
    const events = line.events.map(([position, stream, version, name]) => {
      const event = log.get(position)
      return [position, stream, event?.name === name ? event.version : version, name] as const
    })
    return { ...line, events }
  })
  return checkSubscription(who, renumbered, log, findings)
}

/** The streams with the events of some shards only, whose versions are counted again. */
function selectedStreams(
  streams: ReadonlyMap<string, readonly LoggedEvent[]>,
  shards: readonly number[],
): Map<string, readonly LoggedEvent[]> {
  const selected = new Map<string, readonly LoggedEvent[]>()
  for (const [stream, events] of streams) {
    const own = events.filter(({ name }) => shards.includes(shardOf(name)))
    if (own.length > 0) {
      selected.set(
        stream,
        own.map((event, index) => ({ ...event, version: index + 1 })),
      )
    }
  }
  return selected
}
