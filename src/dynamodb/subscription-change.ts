/**
 * Changes of a subscription that end all its leases. They may concern more items than a transaction takes, so they take
 * several steps. Each step can be repeated, and any process can do the next one:
 *
 *     begun ──▶ closed ──▶ positions written ──▶ switched ──▶ cleaned up
 *
 *     begun               The header has the change. Its condition is the revision. No worker takes a lease from now on.
 *     closed              Each checkpoint of the present shape is closed: its lease ends, its position is final.
 *     positions written   The checkpoints and skip layers of the next shape are put, unless they exist.
 *     switched            One transaction makes the next shape the present one, and ends the change.
 *     cleaned up          The items of earlier shapes are deleted.
 *
 * A new subscription begins with a change from the empty shape 0. A removal deletes instead of putting. A process that
 * reads a header with a change completes the change first. So no process sees a subscription between two steps.
 *
 * Two processes may do the same step at the same time. The later one changes nothing: a closed checkpoint stays as it
 * is, an existing item of the next shape is not replaced, and only one switch finds the change in the header.
 */
import { divideAnew, type SkipLayer, StorageError, StoreUnavailableError, sleep } from '../storage/index.ts'
import { number, numberOf, text } from './attributes.ts'
import type { ChangeNumber } from './change-number.ts'
import { type Checkpoint, checkpointItem, closeUpdate } from './checkpoint.ts'
import type { CheckpointHolds } from './checkpoint-holds.ts'
import type { Connection } from './connection.ts'
import { updateOf } from './item-update.ts'
import {
  digits,
  headerKey,
  type Key,
  nameKey,
  parkedPartition,
  placePartition,
  range,
  skipLayerKey,
} from './keys.ts'
import { sideBySide } from './side-by-side.ts'
import {
  definitionText,
  type Header,
  type PendingChange,
  type StoredSubscription,
  type SubscriptionItems,
} from './subscription-items.ts'
import type { Part, Writer } from './writer.ts'

// The writes of one change at the same time. They meet in one partition of the table, which takes 1,000 a second.
const writesAtOnce = 32
// The interval at which a change looks at a checkpoint that a rebuild or verification holds, in milliseconds.
const holdPoll = 25

/** `held`: a rebuild or verification holds a checkpoint, and the change must wait for its end. */
export type Completion = 'completed' | 'held'

/** The parts that the changes use. */
export interface ChangeParts {
  readonly connection: Connection
  readonly writer: Writer
  readonly items: SubscriptionItems
  readonly holds: CheckpointHolds
  readonly changeNumber: ChangeNumber
  readonly table: string
}

export class SubscriptionChanges {
  readonly #connection: Connection
  readonly #writer: Writer
  readonly #items: SubscriptionItems
  readonly #table: string
  readonly #holds: CheckpointHolds
  readonly #changeNumber: ChangeNumber

  constructor({ connection, writer, items, holds, changeNumber, table }: ChangeParts) {
    this.#connection = connection
    this.#writer = writer
    this.#items = items
    this.#holds = holds
    this.#changeNumber = changeNumber
    this.#table = table
  }

  #subject(place: string) {
    return { doing: 'Changing a subscription', table: this.#table, key: placePartition(place) }
  }

  /** Completes the change of a place, if one is under way. Waits while a rebuild or verification holds a checkpoint. */
  async finish(place: string, signal: AbortSignal | undefined): Promise<void> {
    while ((await this.complete(place, signal)) === 'held') await sleep(holdPoll, signal)
  }

  /** Completes the change of a place, if one is under way and no rebuild or verification holds a checkpoint. */
  async complete(place: string, signal: AbortSignal | undefined): Promise<Completion> {
    const stored = await this.#items.read(place, { consistent: true }, signal)
    const change = stored?.header.change
    if (stored === undefined || change === undefined) return 'completed'
    if (change.kind === 'remove') return this.#remove(stored, change, signal)
    if (change.kind === 'create') {
      await this.#putCheckpoints(stored.header, change, () => change.position as number, signal)
      return this.#switch(stored.header, change, false, signal)
    }
    const closed = await this.#close(stored, signal)
    if (closed === 'held') return 'held'
    if (closed.length < stored.header.partitions) return this.#missing(stored.header, signal)
    const positions = closed.map(({ position }) => position)
    const layers = await this.#putNext(stored, change, positions, signal)
    return this.#switch(stored.header, change, layers > 0, signal)
  }

  /** Some checkpoints are missing: normally, another process has completed the change, and has deleted them. */
  async #missing({ place, name }: Header, signal: AbortSignal | undefined): Promise<Completion> {
    const stored = await this.#items.read(place, { consistent: true }, signal)
    const { header, checkpoints = [] } = stored ?? {}
    if (header?.change === undefined || checkpoints.length === header.partitions) return 'completed'
    const cause = new Error(
      `subscription '${name}' has ${checkpoints.length} of ${header.partitions} checkpoints`,
    )
    throw new StorageError('Changing a subscription', cause)
  }

  /** Closes the checkpoints, and returns them in their order, without those that are deleted by now. */
  async #close(
    stored: StoredSubscription,
    signal: AbortSignal | undefined,
  ): Promise<readonly Checkpoint[] | 'held'> {
    const { header, checkpoints } = stored
    const { place } = header
    await this.#holds.endLong(stored, signal)
    const closed = await sideBySide(writesAtOnce, checkpoints, async (checkpoint) => {
      if (checkpoint.isClosed) return checkpoint
      const { done, item } = await this.#connection.write(
        this.#subject(place),
        'UpdateItem',
        closeUpdate(place, checkpoint),
        signal,
      )
      if (!done) return item === undefined ? undefined : 'held'
      return { ...checkpoint, position: numberOf(item, 'o') as number, isClosed: true }
    })
    if (closed.includes('held')) return 'held'
    return closed.filter((one): one is Checkpoint => one !== undefined && one !== 'held')
  }

  /** Puts the checkpoints and skip layers of the next shape. Returns the number of its skip layers. */
  async #putNext(
    { header, skipLayers }: StoredSubscription,
    change: PendingChange,
    positions: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { position } = change
    const layers = skipLayers.map((layer) => layer.positions)
    if (position !== undefined) {
      // No worker parks an event meanwhile: all checkpoints are closed.
      await this.#deleteParked(header.place, position, signal)
      await this.#putCheckpoints(header, change, () => position, signal)
      return 0
    }
    if (change.partitions === header.partitions) {
      await this.#putCheckpoints(header, change, (partition) => positions[partition] as number, signal)
      return this.#putSkipLayers(header.place, change.shape, layers, signal)
    }
    const divided = divideAnew(layers, positions)
    await this.#putCheckpoints(header, change, () => divided.position, signal)
    return this.#putSkipLayers(header.place, change.shape, divided.skip, signal)
  }

  async #putCheckpoints(
    { place }: Header,
    { shape, partitions }: PendingChange,
    positionOf: (partition: number) => number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const numbers = Array.from({ length: partitions }, (_, partition) => partition)
    await sideBySide(writesAtOnce, numbers, (partition) => {
      const item = checkpointItem(place, shape, { partition, position: positionOf(partition) })
      const input = { Item: item, ConditionExpression: 'attribute_not_exists(p)' }
      return this.#connection.write(this.#subject(place), 'PutItem', input, signal)
    })
  }

  async #putSkipLayers(
    place: string,
    shape: number,
    layers: readonly SkipLayer[],
    signal: AbortSignal | undefined,
  ): Promise<number> {
    for (const [index, layer] of layers.entries()) {
      const item = { ...skipLayerKey(place, shape, index), l: text(JSON.stringify(layer)) }
      const input = { Item: item, ConditionExpression: 'attribute_not_exists(p)' }
      await this.#connection.write(this.#subject(place), 'PutItem', input, signal)
    }
    return layers.length
  }

  async #deleteParked(place: string, after: number, signal: AbortSignal | undefined): Promise<void> {
    if (after >= Number.MAX_SAFE_INTEGER) return
    const partition = parkedPartition(place)
    const subject = { doing: 'Deleting parked events', table: this.#table, key: partition }
    const items = await this.#connection.queryAll(
      subject,
      {
        KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
        ExpressionAttributeValues: range(partition, digits(after + 1), digits(Number.MAX_SAFE_INTEGER)),
        ProjectionExpression: 'p, s',
      },
      signal,
    )
    await this.#connection.deleteAll(subject, items as readonly Key[], signal)
  }

  /** Makes the next shape the present one. If another process has done so, it changes nothing. */
  async #switch(
    header: Header,
    change: PendingChange,
    hasSkipLayers: boolean,
    signal: AbortSignal | undefined,
  ): Promise<Completion> {
    const { place, name, voidUpTo } = header
    const { definition, successor, position } = change
    const update = updateOf(headerKey(place), {
      set: {
        n: number(change.partitions),
        shape: number(change.shape),
        last: text(change.id),
        ...(definition && { def: definitionText(definition) }),
        ...(hasSkipLayers && { skip: { BOOL: true } }),
        // Events after the position are handled again, and may then be parked again.
        ...(position !== undefined && { u: number(Math.min(voidUpTo, position)) }),
        ...(successor !== undefined && {
          name: text(successor),
          t: number(change.createdAt as number),
        }),
      },
      add: { rev: number(1), asks: number(change.kind === 'create' ? 0 : 1) },
      remove: ['change', 'id', ...(hasSkipLayers ? [] : ['skip'])],
      where: { id: text(change.id) },
    })
    const parts = [partOf(name, { Update: { TableName: this.#table, ...update } })]
    if (successor !== undefined) parts.push(this.#succeededPart(header, successor))
    await this.#end(parts, signal)
    if (header.shape > 0) await this.#cleanUp(place, signal)
    return 'completed'
  }

  /** Part of a takeover: the earlier name has no place any more, and keeps what the subscription was. */
  #succeededPart(header: Header, successor: string): Part {
    const { name, place, definition, partitions, isPaused, createdAt, revision } = header
    const update = updateOf(nameKey(name), {
      set: {
        next: text(successor),
        n: number(partitions),
        t: number(createdAt),
        rev: number(revision + 1),
        ...(definition && { def: definitionText(definition) }),
        ...(isPaused && { paused: { BOOL: true } }),
      },
      remove: ['place'],
      where: { place: text(place) },
    })
    return partOf(name, { Update: { TableName: this.#table, ...update } })
  }

  /** Writes the transaction that ends the change, unless another process has done so. */
  async #end(parts: readonly Part[], signal: AbortSignal | undefined): Promise<void> {
    const failures = await this.#writer.write('Changing a subscription', parts, signal)
    if (failures === undefined) return this.#changeNumber.raise()
    // If the header's condition has failed, another process has ended the change.
    if (failures.some(({ part }) => part === parts[0])) return
    const cause = new Error('the item of its name does not have its place')
    throw new StoreUnavailableError('Changing a subscription', 0, cause)
  }

  async #cleanUp(place: string, signal: AbortSignal | undefined): Promise<void> {
    const stored = await this.#items.read(place, { consistent: true }, signal)
    if (stored !== undefined) await this.deleteLeftovers(stored, signal)
  }

  /** Deletes the items of earlier shapes. */
  async deleteLeftovers(
    { header, leftovers }: StoredSubscription,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await this.#connection.deleteAll(this.#subject(header.place), leftovers, signal)
  }

  /** Deletes all items of a subscription, its header and its name last. */
  async #remove(
    stored: StoredSubscription,
    change: PendingChange,
    signal: AbortSignal | undefined,
  ): Promise<Completion> {
    const { header, items } = stored
    const { place, name } = header
    if ((await this.#close(stored, signal)) === 'held') return 'held'
    // No worker parks an event any more.
    await this.#deleteParked(place, -1, signal)
    const keys = items.map(({ p, s }) => ({ p, s }) as Key).filter(({ s }) => s.S !== 'a')
    await this.#connection.deleteAll(this.#subject(place), keys, signal)
    const whole = { TableName: this.#table, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }
    await this.#end(
      [
        partOf(name, {
          Delete: {
            ...whole,
            Key: headerKey(place),
            ConditionExpression: 'id = :id',
            ExpressionAttributeValues: { ':id': text(change.id) },
          },
        }),
        partOf(name, {
          Delete: {
            ...whole,
            Key: nameKey(name),
            ConditionExpression: '#place = :place',
            ExpressionAttributeNames: { '#place': 'place' },
            ExpressionAttributeValues: { ':place': text(place) },
          },
        }),
      ],
      signal,
    )
    return 'completed'
  }
}

/** Part of a transaction that changes a subscription. */
export function partOf(name: string, item: object): Part {
  return { item, size: 0, name: `subscription '${name}'`, failed: () => undefined }
}
