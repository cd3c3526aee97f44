/** What the items of a subscription hold (see subscription.ts), and the conditions by which a lease is fenced. */
import { type Lease, LeaseLostError, StoreUnavailableError } from '../storage/index.ts'
import { type Item, number, numberOf, textOf } from './attributes.ts'
import type { CancellationReason } from './errors.ts'
import { checkpointKey, type Key, subscriptionPartition } from './keys.ts'
import type { Part } from './writer.ts'

export interface Checkpoint {
  readonly partition: number
  readonly position: number
  readonly owner: string | undefined
  readonly token: number
  /** Of whoever keeps it from moving; another each time. */
  readonly hold: string | undefined
}

export interface Worker {
  readonly name: string
  readonly beat: number
  readonly leaseTime: number
  /** By its own clock: only to be shown. */
  readonly until: number
}

/**
 * A lock on documents that has not changed for so long is nobody's any more (by the clock of who waits), in milliseconds: so
 * whoever has one does not rely on it for longer.
 */
export const longestLock = 30_000

export const checkpointNames: Record<string, string> = { '#token': 'token', '#owner': 'owner' }
const isHeld = '#token = :token AND attribute_exists(#owner)'
const isFree = 'attribute_not_exists(k)'

export const headerKey = (name: string): Key => ({ p: { S: subscriptionPartition(name) }, s: { S: 'a' } })

export function headerItem(name: string, partitions: number, position: number): Item {
  return { ...headerKey(name), n: number(partitions), o: number(position) }
}

export function checkpointItem(name: string, partition: number, position: number, token: number): Item {
  return { ...checkpointKey(name, partition), o: number(position), token: number(token) }
}

export function advance(table: string, { subscription, partition, token }: Lease, position: number): object {
  return {
    TableName: table,
    Key: checkpointKey(subscription, partition),
    UpdateExpression: 'SET o = :position',
    ConditionExpression: `${isHeld} AND o <= :position AND ${isFree}`,
    ExpressionAttributeNames: checkpointNames,
    ExpressionAttributeValues: { ':token': number(token), ':position': number(position) },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
}

const holdsLease = (item: Item | undefined, { token }: Lease) =>
  numberOf(item, 'token') === token && item?.owner !== undefined

/** The lease is held, and the checkpoint further than it was to be moved. */
export const isAhead = (item: Item | undefined, lease: Lease): boolean =>
  holdsLease(item, lease) && item?.k === undefined

export function refusedAdvance(lease: Lease, item: CancellationReason['Item']): Error {
  const { subscription, partition } = lease
  if (!holdsLease(item, lease)) return new LeaseLostError(subscription, partition)
  const cause = new Error(
    `the checkpoint of subscription '${subscription}' is held by somebody who verifies its documents`,
  )
  return new StoreUnavailableError('Moving a checkpoint', 0, cause)
}

export function checkpointOf(item: Item): Checkpoint {
  return {
    partition: Number((item as Key).s.S.slice(2)),
    position: numberOf(item, 'o') as number,
    owner: textOf(item, 'owner'),
    token: numberOf(item, 'token') as number,
    hold: textOf(item, 'k'),
  }
}

export function workerOf(item: Item): Worker {
  return {
    name: (item as Key).s.S.slice(2),
    beat: numberOf(item, 'beat') as number,
    leaseTime: numberOf(item, 'lease') as number,
    until: numberOf(item, 'until') as number,
  }
}

export const leaseOf = (subscription: string, { partition, position }: Checkpoint, token: number): Lease => ({
  subscription,
  partition,
  token,
  position,
})

/** Moves a checkpoint on, as a part of a transaction. */
export function advancing(table: string, lease: Lease, position: number): Part {
  return {
    item: { Update: advance(table, lease, position) },
    size: 0,
    name: `checkpoint of '${lease.subscription}'`,
    // One that is ahead was moved by a transaction of ours whose answer was lost.
    failed: ({ Item }) => (isAhead(Item, lease) ? undefined : refusedAdvance(lease, Item)),
  }
}

/** A check that a lease is held, and that nobody verifies the documents. */
export function fence(table: string, lease: Lease): Part {
  const check = {
    TableName: table,
    Key: checkpointKey(lease.subscription, lease.partition),
    ConditionExpression: `${isHeld} AND ${isFree}`,
    ExpressionAttributeNames: checkpointNames,
    ExpressionAttributeValues: { ':token': number(lease.token) },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
  const failed = ({ Item }: CancellationReason) => refusedAdvance(lease, Item)
  return { item: { ConditionCheck: check }, size: 0, name: `lease of '${lease.subscription}'`, failed }
}
