/** The items of a subscription (see subscription.ts), and the conditions that fence a lease by its token. */
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
  /** The id of the rebuild or verification that keeps the checkpoint from moving: a new one each time. */
  readonly hold: string | undefined
}

export interface Worker {
  readonly name: string
  readonly heartbeat: number
  readonly leaseTime: number
  /**
   * When its leases end, by the worker's own clock. Only for display: no other process relies on that clock.
   */
  readonly until: number
}

/**
 * A lock on documents that has not changed for so many milliseconds, by the clock of a waiting process, has
 * no owner any more. So the owner of a lock does not rely on it for longer than that.
 */
export const longestLock = 30_000

export const checkpointNames: Record<string, string> = { '#token': 'token', '#owner': 'owner' }
const hasLease = '#token = :token AND attribute_exists(#owner)'
const isNotHeld = 'attribute_not_exists(k)'

export const headerKey = (name: string): Key => ({ p: { S: subscriptionPartition(name) }, s: { S: 'a' } })

export function headerItem(name: string, partitions: number, position: number): Item {
  return { ...headerKey(name), n: number(partitions), o: number(position) }
}

export function checkpointItem(name: string, partition: number, position: number, token: number): Item {
  return { ...checkpointKey(name, partition), o: number(position), token: number(token) }
}

export function advanceUpdate(
  table: string,
  { subscription, partition, token }: Lease,
  position: number,
): object {
  return {
    TableName: table,
    Key: checkpointKey(subscription, partition),
    UpdateExpression: 'SET o = :position',
    ConditionExpression: `${hasLease} AND o <= :position AND ${isNotHeld}`,
    ExpressionAttributeNames: checkpointNames,
    ExpressionAttributeValues: { ':token': number(token), ':position': number(position) },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
}

const isLeased = (item: Item | undefined, { token }: Lease) =>
  numberOf(item, 'token') === token && item?.owner !== undefined

/**
 * Whether an advance was refused only because the checkpoint is already further: its lease is valid, and it
 * is not held.
 */
export const isAhead = (item: Item | undefined, lease: Lease): boolean =>
  isLeased(item, lease) && item?.k === undefined

/** The error for a checkpoint that could not be advanced, by its item as it is now. */
export function refusedAdvance(lease: Lease, item: CancellationReason['Item']): Error {
  const { subscription, partition } = lease
  if (!isLeased(item, lease)) return new LeaseLostError(subscription, partition)
  const cause = new Error(
    `the checkpoint of subscription '${subscription}' is held by another process, which rebuilds or verifies its documents`,
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
    heartbeat: numberOf(item, 'beat') as number,
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

/** Part of a transaction: advances a checkpoint. */
export function advancePart(table: string, lease: Lease, position: number): Part {
  return {
    item: { Update: advanceUpdate(table, lease, position) },
    size: 0,
    name: `checkpoint of '${lease.subscription}'`,
    // If the checkpoint is ahead, an earlier request of this lease advanced it, and its answer was lost. The lease is
    // not lost: the transaction fails with a StoreUnavailableError, and the worker then reads the stored checkpoint.
    failed: ({ Item }) => (isAhead(Item, lease) ? undefined : refusedAdvance(lease, Item)),
  }
}

/**
 * Part of a transaction: checks that the lease is valid, and that no rebuild or verification holds the
 * checkpoint.
 */
export function fencePart(table: string, lease: Lease): Part {
  const check = {
    TableName: table,
    Key: checkpointKey(lease.subscription, lease.partition),
    ConditionExpression: `${hasLease} AND ${isNotHeld}`,
    ExpressionAttributeNames: checkpointNames,
    ExpressionAttributeValues: { ':token': number(lease.token) },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
  const failed = ({ Item }: CancellationReason) => refusedAdvance(lease, Item)
  return { item: { ConditionCheck: check }, size: 0, name: `lease of '${lease.subscription}'`, failed }
}
