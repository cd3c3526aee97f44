/** Lists the subscriptions by name. */
import type { RegisteredSubscription, SubscriptionRegistry } from '../../storage/index.ts'
import { headerKey, namesPartition, shards } from '../keys.ts'
import { type Item, textOf } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import { listPage, mergeShards } from '../requests/merge-shards.ts'
import { headerOf, namedItemOf, registeredOf } from './subscription-items.ts'

interface ListParts {
  readonly connection: Connection
  readonly table: string
}

/** Returns up to `limit` subscriptions whose name sorts after `after` (exclusive), in code point order. */
export async function listSubscriptions(
  parts: ListParts,
  registry: Pick<SubscriptionRegistry, 'readSubscription'>,
  after: string,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<readonly RegisteredSubscription[]> {
  const listed: RegisteredSubscription[] = []
  // A subscription may be removed between the two reads. Only an empty page says that no more follow.
  for (let last = after; listed.length < limit; ) {
    const page = await namesAfter(parts, last, limit - listed.length, signal)
    if (page.length === 0) break
    listed.push(...(await describe(parts, registry, page, signal)))
    last = textOf(page.at(-1), 's') as string
  }
  return listed
}

function namesAfter(
  parts: ListParts,
  after: string,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<readonly Item[]> {
  const { connection, table } = parts
  const pages = Array.from({ length: shards }, (_, shard) => (last: string) => {
    const subject = { doing: 'Listing the subscriptions', table, key: namesPartition(shard) }
    return listPage(connection, subject, { prefix: '', after: last, limit }, signal)
  })
  return mergeShards(pages, after, limit)
}

async function describe(
  parts: ListParts,
  registry: Pick<SubscriptionRegistry, 'readSubscription'>,
  names: readonly Item[],
  signal: AbortSignal | undefined,
): Promise<readonly RegisteredSubscription[]> {
  const { connection, table } = parts
  const named = names.map((item) => ({ name: textOf(item, 's') as string, at: namedItemOf(item) }))
  const places = new Set(named.flatMap(({ at }) => (at.kind === 'at' ? [at.place] : [])))
  const subject = { doing: 'Listing the subscriptions', table, key: 'K#' }
  const items = await connection.batchGet(subject, [...places].map(headerKey), { consistent: true }, signal)
  const headers = new Map(items.map((item) => [headerOf(item).place, headerOf(item)]))
  const described: RegisteredSubscription[] = []
  for (const { name, at } of named) {
    if (at.kind === 'succeeded') described.push(at.subscription)
    if (at.kind !== 'at') continue
    const header = headers.get(at.place)
    const isStable = header?.name === name && header.change === undefined
    const registered = isStable ? registeredOf(header) : await registry.readSubscription(name, signal)
    if (registered !== undefined) described.push(registered)
  }
  return described
}
