/**
 * What the stream of the log's table says of slots. The table also contains checkpoints, heartbeats and documents, which
 * change while a subscription runs: they must wake up none, or it would wake up itself.
 */
import { blockPartition, listPartition, streamPartition } from '../keys.ts'

/** How the partition keys of slots begin, in every era and chain of the log. */
export const slotKeyPrefix: string = prefixOf(blockPartition(0))

/** How the partition keys of the other table begin: those of streams, and of the list of streams. */
export const eventsKeyPrefixes: readonly string[] = [
  prefixOf(streamPartition('')),
  prefixOf(listPartition(0)),
]

function prefixOf(partition: string): string {
  return partition.slice(0, partition.indexOf('#') + 1)
}
