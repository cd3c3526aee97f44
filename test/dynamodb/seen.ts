/**
 * A handler that keeps a document for each stream: how many events it received, and the faults in their order. It is
 * written in the transaction of the checkpoint, so that each event counts exactly once.
 */
import type { RecordedEvent } from '@eventsourced/core'
import type { DynamodbStore, DynamodbTransaction } from '@eventsourced/core/dynamodb'

/** What a handler received of a stream. */
export interface Seen {
  readonly count: number
  readonly last: number
  readonly faults: number
}

export async function countStreams(
  events: readonly RecordedEvent[],
  { tx }: { readonly tx: DynamodbTransaction },
): Promise<void> {
  const documents = tx.documents<Seen>('seen')
  for (const { streamId, version } of events) {
    const { count, last, faults } = (await documents.get(streamId)) ?? { count: 0, last: 0, faults: 0 }
    const isNext = version === last + 1
    await documents.put(streamId, { count: count + 1, last: version, faults: faults + (isNext ? 0 : 1) })
  }
}

/** Returns what the handler received of each stream, and what the streams contain. */
export async function seenAndStored(
  store: DynamodbStore,
): Promise<{ readonly seen: Record<string, Seen>; readonly stored: Record<string, Seen> }> {
  const seen: Record<string, Seen> = {}
  for await (const { key, state } of store.view<Seen>('seen').list()) seen[key] = state
  const stored: Record<string, Seen> = {}
  for await (const { streamId, version } of store.readAll())
    stored[streamId] = { count: version, last: version, faults: 0 }
  return { seen, stored }
}
