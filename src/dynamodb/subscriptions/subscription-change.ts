/**
 * Changes of a subscription that end all its leases. They may concern more items than a transaction takes, so they take
 * several steps. Each step can be repeated, and any process can do the next one:
 *
 *     begun ──▶ closed ──▶ positions written ──▶ switched ──▶ cleaned up
 *
 *     begun               The header has the change. Its condition is the revision. No worker takes a lease from now on.
 *     closed              Each checkpoint of the present shape is closed: its lease ends, its position is final.
 *     positions written   The checkpoints and skip layers of the next shape are stored.
 *     switched            One transaction makes the next shape the present one, and ends the change.
 *     cleaned up          The items of earlier shapes are deleted.
 *
 * A new subscription begins with a change from the empty shape 0. A removal deletes the checkpoints instead, and makes no
 * next shape. A process that reads a header with a change completes the change first. So no process sees a subscription
 * between two steps.
 *
 * Two processes may do the same step at the same time. The later process changes nothing: a closed checkpoint stays as it
 * is, both processes put the same items of the next shape, and only one switch finds the change in the header.
 */
import {
  repartition,
  type SkipLayer,
  StorageError,
  StoreUnavailableError,
  sleep,
} from '../../storage/index.ts'
import { headerKey, type Key, nameKey, placePartition, skipLayerKey } from '../keys.ts'
import { type Item, number, numberOf, sizeOf, text } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import { updateOf } from '../requests/item-update.ts'
import { sideBySide } from '../requests/side-by-side.ts'
import type { Part, Writer } from '../requests/writer.ts'
import type { ChangeNumber } from './change-number.ts'
import { type Checkpoint, checkpointItem, closeUpdate } from './checkpoint.ts'
import type { CheckpointHolds } from './checkpoint-holds.ts'
import { deleteParked } from './parked-deletion.ts'
import {
  definitionText,
  type Header,
  type PendingChange,
  type StoredSubscription,
  type SubscriptionItems,
} from './subscription-items.ts'

// The number of concurrent writes of one change. All go to one partition of the table, which takes 1,000 writes a second.
const writesAtOnce = 32
// The interval at which a change polls a checkpoint that a rebuild or verification holds, in milliseconds.
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
  readonly #parts: ChangeParts

  constructor(parts: ChangeParts) {
    this.#parts = parts
  }

  #subject(place: string) {
    return { doing: 'Changing a subscription', table: this.#parts.table, key: placePartition(place) }
  }

  /** Completes the change of a place, if one is under way. Waits while a rebuild or verification holds a checkpoint. */
  async finish(place: string, signal: AbortSignal | undefined): Promise<void> {
    while ((await this.complete(place, signal)) === 'held') await sleep(holdPoll, signal)
  }

  /** Completes the change of a place, if one is under way and no rebuild or verification holds a checkpoint. */
  async complete(place: string, signal: AbortSignal | undefined): Promise<Completion> {
    const stored = await this.#parts.items.read(place, { consistent: true }, signal)
    const change = stored?.header.change
    if (stored === undefined || change === undefined) return 'completed'
    if (change.kind === 'remove') return this.#remove(stored, change, signal)
    if (change.kind === 'create') {
      return this.#putAndSwitch(
        stored.header,
        change,
        itemsOf(stored.header, change, () => change.position as number, []),
        signal,
      )
    }
    const closed = await this.#close(stored, signal)
    if (closed === 'held') return 'held'
    if (closed.length < stored.header.partitions) return this.#missing(stored.header, signal)
    const positions = closed.map(({ position }) => position)
    const next = await this.#nextItems(stored, change, positions, signal)
    if (next === undefined) return 'completed'
    return this.#putAndSwitch(stored.header, change, next, signal)
  }

  async #putAndSwitch(
    header: Header,
    change: PendingChange,
    next: NextItems,
    signal: AbortSignal | undefined,
  ): Promise<Completion> {
    const isUnderWay = await this.#put(header, change, next, signal)
    if (isUnderWay) await this.#switch(header, change, next.skipLayers.length > 0, signal)
    return 'completed'
  }

  /** Some checkpoints are missing: normally, another process has completed the change, and has deleted them. */
  async #missing({ place, name }: Header, signal: AbortSignal | undefined): Promise<Completion> {
    const stored = await this.#parts.items.read(place, { consistent: true }, signal)
    const { header, checkpoints = [] } = stored ?? {}
    if (header?.change === undefined || checkpoints.length === header.partitions) return 'completed'
    const cause = new Error(
      `subscription '${name}' has ${checkpoints.length} of ${header.partitions} checkpoints`,
    )
    throw new StorageError('Changing a subscription', cause)
  }

  /** Closes the checkpoints, and returns them in their order, without the checkpoints that are deleted by now. */
  async #close(
    stored: StoredSubscription,
    signal: AbortSignal | undefined,
  ): Promise<readonly Checkpoint[] | 'held'> {
    const { header, checkpoints } = stored
    const { place } = header
    await this.#parts.holds.endLong(stored, signal)
    const closed = await sideBySide(writesAtOnce, checkpoints, async (checkpoint) => {
      if (checkpoint.isClosed) return checkpoint
      const { done, item } = await this.#parts.connection.write(
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

  /** Returns the checkpoints and skip layers of the next shape; undefined if the change has ended. */
  async #nextItems(
    { header, skipLayers }: StoredSubscription,
    change: PendingChange,
    positions: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<NextItems | undefined> {
    const { position = 0, again } = change
    const layers = skipLayers.map((layer) => layer.positions)
    if (again === true) {
      // No worker parks an event meanwhile: all checkpoints are closed.
      const bounds = { after: position, upTo: Number.MAX_SAFE_INTEGER }
      const guard = this.#isUnderWay(header, change)
      const isUnderWay = await deleteParked(this.#parts, header.place, bounds, guard, signal)
      return isUnderWay ? itemsOf(header, change, () => position, []) : undefined
    }
    if (change.partitions === header.partitions) {
      const moved = positions.map((one) => Math.max(one, position))
      return itemsOf(header, change, (partition) => moved[partition] as number, layers)
    }
    const repartitioned = repartition(layers, positions)
    return itemsOf(header, change, () => Math.max(repartitioned.position, position), repartitioned.skip)
  }

  /** Part of a transaction: checks that the change has not ended. */
  #isUnderWay({ place, name }: Header, { id }: PendingChange): Part {
    const check = {
      TableName: this.#parts.table,
      Key: headerKey(place),
      ConditionExpression: 'id = :id',
      ExpressionAttributeValues: { ':id': text(id) },
    }
    return partOf(name, { ConditionCheck: check })
  }

  /**
   * Puts the items of the next shape, in transactions that also check that the change is still under way. So a process
   * that was paused puts no items after the end of the change. Returns false if it has ended.
   */
  async #put(
    header: Header,
    change: PendingChange,
    { checkpoints, skipLayers }: NextItems,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const isUnderWay = this.#isUnderWay(header, change)
    const puts = [...checkpoints, ...skipLayers].map((item) => ({
      ...partOf(header.name, { Put: { TableName: this.#parts.table, Item: item } }),
      size: sizeOf(item),
    }))
    for (const pack of this.#parts.writer.packs(puts, [isUnderWay])) {
      const failures = await this.#parts.writer.write('Changing a subscription', pack, signal)
      if (failures !== undefined) return false
    }
    return true
  }

  /** Makes the next shape the present one. If another process has done so, it changes nothing. */
  async #switch(
    header: Header,
    change: PendingChange,
    hasSkipLayers: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { place, name, voidUpTo } = header
    const { definition, successor, position, again } = change
    const update = updateOf(headerKey(place), {
      set: {
        n: number(change.partitions),
        shape: number(change.shape),
        last: text(change.id),
        ...(definition && { def: definitionText(definition) }),
        ...(hasSkipLayers && { skip: { BOOL: true } }),
        // Events after the position are handled again, and may then be parked again.
        ...(again === true && { u: number(Math.min(voidUpTo, position ?? 0)) }),
        ...(successor !== undefined && {
          name: text(successor),
          t: number(change.createdAt as number),
        }),
      },
      add: { rev: number(1), asks: number(change.kind === 'create' ? 0 : 1) },
      remove: ['change', 'id', ...(hasSkipLayers ? [] : ['skip'])],
      where: { id: text(change.id) },
    })
    const parts = [partOf(name, { Update: { TableName: this.#parts.table, ...update } })]
    if (successor !== undefined) parts.push(this.#succeededPart(header, successor))
    await this.#end(parts, signal)
    if (header.shape > 0) await this.#cleanUp(place, signal)
  }

  /** Part of a takeover: takes the place from the former name, whose item keeps the definition. */
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
    return partOf(name, { Update: { TableName: this.#parts.table, ...update } })
  }

  /** Writes the transaction that ends the change, unless another process has done so. */
  async #end(parts: readonly Part[], signal: AbortSignal | undefined): Promise<void> {
    const failures = await this.#parts.writer.write('Changing a subscription', parts, signal)
    if (failures === undefined) return this.#parts.changeNumber.raise()
    // If the header's condition has failed, another process has ended the change.
    if (failures.some(({ part }) => part === parts[0])) return
    const cause = new Error('the item of its name does not have its place')
    throw new StoreUnavailableError('Changing a subscription', 0, cause)
  }

  async #cleanUp(place: string, signal: AbortSignal | undefined): Promise<void> {
    const stored = await this.#parts.items.read(place, { consistent: true }, signal)
    if (stored !== undefined) await this.deleteLeftovers(stored, signal)
  }

  /** Deletes the items of earlier shapes. */
  async deleteLeftovers(
    { header, leftovers }: StoredSubscription,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await this.#parts.connection.deleteAll(this.#subject(header.place), leftovers, signal)
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
    const all = { after: -1, upTo: Number.MAX_SAFE_INTEGER }
    if (!(await deleteParked(this.#parts, place, all, this.#isUnderWay(header, change), signal))) {
      return 'completed'
    }
    const keys = items.map(({ p, s }) => ({ p, s }) as Key).filter(({ s }) => s.S !== 'a')
    await this.#parts.connection.deleteAll(this.#subject(place), keys, signal)
    const whole = { TableName: this.#parts.table, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }
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

/** The items of a shape that a change makes. */
interface NextItems {
  readonly checkpoints: readonly Item[]
  readonly skipLayers: readonly Item[]
}

function itemsOf(
  { place }: Header,
  { shape, partitions }: PendingChange,
  positionOf: (partition: number) => number,
  layers: readonly SkipLayer[],
): NextItems {
  return {
    checkpoints: Array.from({ length: partitions }, (_, partition) =>
      checkpointItem(place, shape, { partition, position: positionOf(partition) }),
    ),
    skipLayers: layers.map((layer, index) => ({
      ...skipLayerKey(place, shape, index),
      l: text(JSON.stringify(layer)),
    })),
  }
}

/** Part of a transaction that changes a subscription. */
export function partOf(name: string, item: object): Part {
  return { item, size: 0, name: `subscription '${name}'`, failed: () => undefined }
}
