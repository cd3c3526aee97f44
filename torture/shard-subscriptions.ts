/**
 * The subscriptions that a follower runs with `--subscriptions`, beside those of every campaign. Each selects some shards
 * of the events. Their shapes differ, so that leases, takeovers and repartitions of all kinds meet the faults.
 */
import type { HandlerTransaction, RecordedEvent } from '@eventsourced/core'
import type { StreamState } from './check/evidence.ts'
import { digest, shards, type TracedEvent, typeOf } from './operation.ts'

/** `handlers` and the two projections. */
export const subscriptionsOfEachCampaign = 3

/** The document of a stream that a transactional subscription writes. `version` counts its events. */
interface CountedState extends StreamState {
  /** The version of the last event in the stream, by which an event is known that comes again. */
  readonly last: number
}

export interface ShardSubscription {
  readonly base: string
  readonly shards: readonly number[]
  readonly isTransactional: boolean
  /** Whether a new generation takes over its place under another name. Otherwise it raises the version. */
  readonly isSucceeded: boolean
}

export function shardSubscriptions(count: number): readonly ShardSubscription[] {
  return Array.from({ length: Math.max(0, count - subscriptionsOfEachCampaign) }, (_, nth) => ({
    base: `shard-${nth}`,
    shards: nth % 4 === 0 ? [nth % shards, (nth + 5) % shards] : [nth % shards],
    isTransactional: nth % 3 === 1,
    isSucceeded: nth % 5 === 2,
  }))
}

/** The collection of the documents that a transactional subscription writes. */
export const countedBy = (base: string): string => `counted-${base}`

/** The name that a subscription has in a generation of the clients, see `ClientTask.generation`. */
export const nameIn = (generation: number, { base, isSucceeded }: ShardSubscription): string =>
  isSucceeded && generation > 1 ? `${base}.${generation}` : base

/** What a client of a generation passes to `subscribe`, without the handler. */
export function optionsIn(generation: number, nth: number, subscription: ShardSubscription) {
  const { isTransactional, isSucceeded } = subscription
  const predecessor = isSucceeded && generation > 1 ? nameIn(generation - 1, subscription) : undefined
  return {
    name: nameIn(generation, subscription),
    version: isSucceeded ? 1 : generation,
    ...(predecessor !== undefined && { from: { after: predecessor, otherwise: 'beginning' as const } }),
    types: subscription.shards.map(typeOf),
    partitions: [1, 4, 2, 7][(nth + generation) % 4] as number,
    transactional: isTransactional,
  }
}

const nothing: CountedState = { version: 0, last: 0, digest: 0, doubled: 0, skipped: 0 }

/** Counts events in the documents of their streams. */
export async function countEvents(
  base: string,
  events: readonly RecordedEvent<TracedEvent>[],
  tx: HandlerTransaction,
): Promise<void> {
  const documents = tx.documents<CountedState>(countedBy(base))
  // Sorted, so that two handlers lock documents in the same order and cannot deadlock.
  for (const stream of [...new Set(events.map(({ streamId }) => streamId))].sort()) {
    let state = (await documents.get(stream)) ?? nothing
    for (const event of events) if (event.streamId === stream) state = count(state, event)
    await documents.put(stream, state)
  }
}

function count(state: CountedState, { version, data }: RecordedEvent<TracedEvent>): CountedState {
  if (version <= state.last) return { ...state, doubled: state.doubled + 1 }
  return { ...state, version: state.version + 1, last: version, digest: digest(state.digest, data.name) }
}
