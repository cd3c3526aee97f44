/**
 * The checkpoints of a subscription (see subscription-items.ts), and the conditions that fence a lease by its token.
 *
 * A token consists of the number of the shape and of the number of the owner within that shape. So tokens rise with each
 * owner and with each shape, and a lease alone says in which item its checkpoint is.
 */
import { randomUUID } from 'node:crypto'
import { type Lease, LeaseLostError, StoreUnavailableError } from '../../storage/index.ts'
import { checkpointKey, type Key } from '../keys.ts'
import { type Item, number, numberOf, textOf } from '../requests/attributes.ts'
import type { CancellationReason } from '../requests/errors.ts'
import type { Part } from '../requests/writer.ts'

export interface Checkpoint {
  readonly shape: number
  readonly partition: number
  readonly position: number
  readonly owner: string | undefined
  readonly token: number
  /** The id of the rebuild or verification that keeps the checkpoint from moving: a new one each time. */
  readonly hold: string | undefined
  /** The id of the last transaction that has parked or unparked events of the partition. */
  readonly parkedBy: string | undefined
  /** The `parkedRequests` up to which no parked event of the partition is due. */
  readonly parkedRequests: number
  /** A change has ended the lease. The position is final, and no worker can take the lease. */
  readonly isClosed: boolean
}

/**
 * A lock on documents that has not changed for so many milliseconds, by the clock of a waiting process, has
 * no owner any more. So the owner of a lock does not rely on it for longer than that.
 */
export const longestLock = 30_000

const tokensOfShape = 2 ** 32
/** The token of a checkpoint that no worker has owned yet. */
const firstToken = (shape: number): number => shape * tokensOfShape
const shapeOf = (token: number): number => Math.floor(token / tokensOfShape)

const checkpointNames: Record<string, string> = { '#token': 'token', '#owner': 'owner' }
const hasLease = '#token = :token AND attribute_exists(#owner)'
const isNotHeld = 'attribute_not_exists(k)'

const keyOfLease = ({ place, partition, token }: Lease): Key =>
  checkpointKey(place, shapeOf(token), partition)

export function checkpointItem(
  place: string,
  shape: number,
  { partition, position }: { readonly partition: number; readonly position: number },
): Item {
  return {
    ...checkpointKey(place, shape, partition),
    o: number(position),
    token: number(firstToken(shape)),
  }
}

export function checkpointOf(item: Item): Checkpoint {
  const [, shape, partition] = (item as Key).s.S.split('#')
  return {
    shape: Number(shape),
    partition: Number(partition),
    position: numberOf(item, 'o') as number,
    owner: textOf(item, 'owner'),
    token: numberOf(item, 'token') as number,
    hold: textOf(item, 'k'),
    parkedBy: textOf(item, 'parked'),
    parkedRequests: numberOf(item, 'asks') ?? 0,
    isClosed: item.x !== undefined,
  }
}

export const leaseOf = (
  { name, place, partitions }: { readonly name: string; readonly place: string; readonly partitions: number },
  { partition, position, token }: Checkpoint,
): Lease => ({ subscription: name, place, partition, partitions, token, position })

/** The update by which a worker takes the lease of a checkpoint, if it is still as the worker has read it. */
export function takeUpdate(
  place: string,
  { shape, partition, token, owner }: Checkpoint,
  worker: string,
): object {
  const isUnchanged = owner === undefined ? 'attribute_not_exists(#owner)' : '#owner = :before'
  return {
    Key: checkpointKey(place, shape, partition),
    UpdateExpression: 'SET #owner = :worker, #token = :next',
    ConditionExpression: `#token = :token AND ${isUnchanged} AND attribute_not_exists(x)`,
    ExpressionAttributeNames: checkpointNames,
    ExpressionAttributeValues: {
      ':worker': { S: worker },
      ':token': number(token),
      ':next': number(token + 1),
      ...(owner !== undefined && { ':before': { S: owner } }),
    },
    ReturnValues: 'ALL_NEW',
  }
}

export function releaseUpdate(lease: Lease): object {
  return {
    Key: keyOfLease(lease),
    UpdateExpression: 'REMOVE #owner',
    ConditionExpression: '#token = :token',
    ExpressionAttributeNames: checkpointNames,
    ExpressionAttributeValues: { ':token': number(lease.token) },
  }
}

/** The update that stores up to which `parkedRequests` no parked event of the lease's partition is due. */
export function parkedRequestsUpdate(lease: Lease, parkedRequests: number): object {
  return {
    Key: keyOfLease(lease),
    UpdateExpression: 'SET asks = :asks',
    ConditionExpression: hasLease,
    ExpressionAttributeNames: checkpointNames,
    ExpressionAttributeValues: { ':asks': number(parkedRequests), ':token': number(lease.token) },
  }
}

/** The update that ends the lease of a checkpoint permanently, unless a rebuild or verification holds the checkpoint. */
export function closeUpdate(place: string, { shape, partition }: Checkpoint): object {
  return {
    Key: checkpointKey(place, shape, partition),
    UpdateExpression: 'SET x = :true REMOVE #owner',
    ConditionExpression: `attribute_exists(p) AND ${isNotHeld}`,
    ExpressionAttributeNames: { '#owner': 'owner' },
    ExpressionAttributeValues: { ':true': { BOOL: true } },
    ReturnValues: 'ALL_NEW',
  }
}

export function holdUpdate(place: string, { shape, partition }: Checkpoint, hold: string): object {
  return {
    Key: checkpointKey(place, shape, partition),
    UpdateExpression: 'SET k = :hold',
    ConditionExpression: 'attribute_exists(p) AND attribute_not_exists(x)',
    ExpressionAttributeValues: { ':hold': { S: hold } },
  }
}

export function unholdUpdate(place: string, { shape, partition }: Checkpoint, hold: string): object {
  return {
    Key: checkpointKey(place, shape, partition),
    UpdateExpression: 'REMOVE k',
    ConditionExpression: 'k = :hold',
    ExpressionAttributeValues: { ':hold': { S: hold } },
  }
}

/** The update by which a rebuild moves a checkpoint, forward or back, and ends its lease. */
export function moveUpdate(
  table: string,
  place: string,
  { shape, partition }: Checkpoint,
  position: number,
): object {
  return {
    TableName: table,
    Key: checkpointKey(place, shape, partition),
    UpdateExpression: 'SET o = :position ADD #token :one REMOVE #owner, k',
    ConditionExpression: 'attribute_exists(p) AND attribute_not_exists(x)',
    ExpressionAttributeNames: checkpointNames,
    ExpressionAttributeValues: { ':position': number(position), ':one': number(1) },
  }
}

/** An update of a checkpoint; without `UpdateExpression`, a condition on it. */
interface CheckpointUpdate {
  readonly TableName: string
  readonly Key: Key
  readonly UpdateExpression?: string
  readonly ConditionExpression: string
  readonly ExpressionAttributeNames: Readonly<Record<string, string>>
  readonly ExpressionAttributeValues: Item
  readonly ReturnValuesOnConditionCheckFailure: string
}

export function advanceUpdate(table: string, lease: Lease, position: number): CheckpointUpdate {
  return {
    TableName: table,
    Key: keyOfLease(lease),
    UpdateExpression: 'SET o = :position',
    ConditionExpression: `${hasLease} AND o <= :position AND ${isNotHeld}`,
    ExpressionAttributeNames: checkpointNames,
    ExpressionAttributeValues: { ':token': number(lease.token), ':position': number(position) },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
}

/** Whether the lease is valid, by the item of its checkpoint. */
export const isLeased = (item: Item | undefined, { token }: Lease): boolean =>
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

/**
 * Adds a new id of the transaction to an update of a checkpoint. The update stores the id as `last`, and its condition is
 * that `last` differs. So DynamoDB never writes the transaction twice, not even after it has forgotten the token, and a
 * retry recognises that the transaction is written. `parks`: whether the transaction changes which events are parked; the
 * update then also stores the id as `parked`.
 */
function markedPart(
  lease: Lease,
  { UpdateExpression: set, ...update }: CheckpointUpdate,
  parks: boolean,
): Pick<Part, 'item' | 'size' | 'name' | 'isWritten'> {
  const id = randomUUID()
  const sets = ['#last = :last', ...(parks ? ['parked = :last'] : [])].join(', ')
  const marked = {
    ...update,
    UpdateExpression: set === undefined ? `SET ${sets}` : `${set}, ${sets}`,
    ConditionExpression: `${update.ConditionExpression} AND (attribute_not_exists(#last) OR #last <> :last)`,
    ExpressionAttributeNames: { ...update.ExpressionAttributeNames, '#last': 'last' },
    ExpressionAttributeValues: { ...update.ExpressionAttributeValues, ':last': { S: id } },
  }
  return {
    item: { Update: marked },
    size: 0,
    name: `checkpoint of '${lease.subscription}'`,
    isWritten: ({ Item }) => textOf(Item, 'last') === id,
  }
}

/** Part of a transaction: advances a checkpoint. `parks`: whether the transaction also parks events. */
export function advancePart(table: string, lease: Lease, position: number, parks = false): Part {
  return {
    ...markedPart(lease, advanceUpdate(table, lease, position), parks),
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
  const failed = ({ Item }: CancellationReason) => refusedAdvance(lease, Item)
  const item = { ConditionCheck: fenceCheck(table, lease) }
  return { item, size: 0, name: `lease of '${lease.subscription}'`, failed }
}

/** The same for a transaction that changes parked events, moves no checkpoint, and must not be written twice. */
export function parkingFencePart(table: string, lease: Lease): Part {
  const failed = ({ Item }: CancellationReason) => refusedAdvance(lease, Item)
  return { ...markedPart(lease, fenceCheck(table, lease), true), failed }
}

const fenceCheck = (table: string, lease: Lease): CheckpointUpdate => ({
  TableName: table,
  Key: keyOfLease(lease),
  ConditionExpression: `${hasLease} AND ${isNotHeld}`,
  ExpressionAttributeNames: checkpointNames,
  ExpressionAttributeValues: { ':token': number(lease.token) },
  ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
})
