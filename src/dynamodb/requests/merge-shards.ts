/** Lists by name what is spread over shards: reads each shard in order, and merges them. */
import { compareNames } from '../../storage/index.ts'
import { shards } from '../keys.ts'
import { type Item, text, textOf } from './attributes.ts'
import type { Connection } from './connection.ts'
import type { Subject } from './errors.ts'

/** Reads some items of a shard after a name (exclusive), in order; none if there are no more. */
export type ReadShard = (after: string) => Promise<readonly Item[]>

const nameOf = (item: Item | undefined) => textOf(item, 's') as string

/** Returns the first items after a name (exclusive), in code point order. */
export async function mergeShards(
  shards: readonly ReadShard[],
  after: string,
  limit: number,
): Promise<readonly Item[]> {
  const fronts = await Promise.all(shards.map(async (read) => ({ read, items: await read(after), at: 0 })))
  const merged: Item[] = []
  while (merged.length < limit) {
    let least: (typeof fronts)[number] | undefined
    for (const front of fronts) {
      if (front.at === front.items.length) continue
      const isLess =
        least === undefined || compareNames(nameOf(front.items[front.at]), nameOf(least.items[least.at])) < 0
      if (isLess) least = front
    }
    if (least === undefined) break
    const item = least.items[least.at++] as Item
    merged.push(item)
    if (least.at < least.items.length) continue
    least.items = await least.read(nameOf(item))
    least.at = 0
  }
  return merged
}

/** Returns items of a partition whose sort key begins with `prefix` and sorts after `after`. */
export async function listPage(
  connection: Connection,
  subject: Subject,
  { prefix, after, limit }: { readonly prefix: string; readonly after: string; readonly limit: number },
  signal: AbortSignal | undefined,
): Promise<readonly Item[]> {
  const isAfter = compareNames(after, prefix) >= 0 && after !== ''
  const from = isAfter ? after : prefix
  const comparison = isAfter ? '>' : '>='
  const input = {
    KeyConditionExpression: from === '' ? 'p = :p' : `p = :p AND s ${comparison} :from`,
    ExpressionAttributeValues: { ':p': text(subject.key), ...(from !== '' && { ':from': text(from) }) },
    Limit: Math.min(Math.ceil(limit / shards) + 10, 1_000),
  }
  const { items } = await connection.query(subject, input, signal)
  return items.filter((item) => (textOf(item, 's') as string).startsWith(prefix))
}
