/** Looks at the checkpoints of all subscriptions. */

import { namesPartition, placePartition, range, shards, type Tables } from '../keys.ts'
import { numberOf, textOf } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import { namedItemOf } from '../subscriptions/subscription-items.ts'

/** Returns the highest position of a checkpoint: a subscription would skip later events up to it. */
export async function highestCheckpoint(
  connection: Connection,
  { log }: Tables,
  signal: AbortSignal | undefined,
): Promise<number> {
  const subjectOf = (key: string) => ({ doing: 'Reading checkpoints', table: log, key })
  let highest = 0
  for (let shard = 0; shard < shards; shard++) {
    const partition = namesPartition(shard)
    const names = { KeyConditionExpression: 'p = :p', ExpressionAttributeValues: { ':p': { S: partition } } }
    for (const item of await connection.queryAll(subjectOf(partition), names, signal)) {
      const named = namedItemOf(item)
      if (named.kind !== 'at') continue
      const place = placePartition(named.place)
      const input = {
        KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
        // The checkpoints, and the skip layers with the checkpoints of former partitions.
        ExpressionAttributeValues: range(place, 'c#', 's#~'),
        ProjectionExpression: 'o, l',
      }
      for (const stored of await connection.queryAll(subjectOf(place), input, signal)) {
        const former: readonly number[] = JSON.parse(textOf(stored, 'l') ?? '[]')
        highest = former.reduce((most, position) => Math.max(most, position), highest)
        highest = Math.max(highest, numberOf(stored, 'o') ?? 0)
      }
    }
  }
  return highest
}
