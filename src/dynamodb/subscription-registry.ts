/** The registry of subscriptions. See subscription-items.ts for the items, and subscription-change.ts for the changes. */
import { randomUUID } from 'node:crypto'
import type {
  RegisteredSubscription,
  SubscriptionChange,
  SubscriptionDefinition,
  SubscriptionRegistry,
} from '../storage/index.ts'
import { type Item, number, text, textOf } from './attributes.ts'
import type { ChangeNumber } from './change-number.ts'
import { checkpointItem, moveUpdate } from './checkpoint.ts'
import type { Connection } from './connection.ts'
import { updateOf } from './item-update.ts'
import { headerKey, nameKey, namesPartition, shards } from './keys.ts'
import { listPage, mergeShards } from './merge-shards.ts'
import { deleteParked } from './parked-deletion.ts'
import { partOf, type SubscriptionChanges } from './subscription-change.ts'
import {
  definitionText,
  type Header,
  headerOf,
  namedItemOf,
  newHeaderItem,
  type PendingChange,
  pendingAttributes,
  registeredOf,
  type SubscriptionItems,
} from './subscription-items.ts'
import type { Part, Writer } from './writer.ts'

/** The parts that the registry uses. */
export interface RegistryParts {
  readonly connection: Connection
  readonly writer: Writer
  readonly items: SubscriptionItems
  readonly changes: SubscriptionChanges
  readonly changeNumber: ChangeNumber
  readonly table: string
}

export class DynamodbSubscriptionRegistry implements SubscriptionRegistry {
  readonly #parts: RegistryParts

  constructor(parts: RegistryParts) {
    this.#parts = parts
  }

  #subject(key: string) {
    return { doing: 'Changing a subscription', table: this.#parts.table, key }
  }

  /** Returns the header of a subscription that has a place, with no change under way. */
  async header(name: string, signal?: AbortSignal): Promise<Header | undefined> {
    const found = await this.#find(name, signal)
    return found !== undefined && 'header' in found ? found.header : undefined
  }

  async readSubscription(name: string, signal?: AbortSignal): Promise<RegisteredSubscription | undefined> {
    const found = await this.#find(name, signal)
    if (found === undefined) return undefined
    return 'header' in found ? registeredOf(found.header) : found.succeeded
  }

  async #find(
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly header: Header } | { readonly succeeded: RegisteredSubscription } | undefined> {
    const { items, changes } = this.#parts
    for (let missing: string | undefined; ; ) {
      const named = await items.nameItem(name, signal)
      if (named.kind === 'none') return undefined
      if (named.kind === 'succeeded') return { succeeded: named.subscription }
      const { place } = named
      const header = await items.header(place, signal)
      if (header?.change !== undefined) await changes.finish(place, signal)
      else if (header?.name === name) return { header }
      // One transaction deletes both items, so only a restored table has a name without a header.
      else if (header === undefined && missing === place) await this.#forgetName(name, place, signal)
      missing = place
    }
  }

  async #forgetName(name: string, place: string, signal: AbortSignal | undefined): Promise<void> {
    const input = {
      Key: nameKey(name),
      ConditionExpression: '#place = :place',
      ExpressionAttributeNames: { '#place': 'place' },
      ExpressionAttributeValues: { ':place': text(place) },
    }
    await this.#parts.connection.write(this.#subject(nameKey(name).p.S), 'DeleteItem', input, signal)
  }

  async createSubscription(
    name: string,
    definition: SubscriptionDefinition,
    position: number,
    signal?: AbortSignal,
  ): Promise<RegisteredSubscription> {
    for (;;) {
      // Also completes what an earlier round has begun.
      const registered = await this.readSubscription(name, signal)
      if (registered !== undefined) return registered
      const change: PendingChange = {
        id: randomUUID(),
        kind: 'create',
        shape: 1,
        partitions: definition.partitions,
        position,
      }
      const place = randomUUID()
      // Its first change makes shape 1 of the empty shape 0.
      const header = { ...newHeaderItem(name, place, definition, 0), ...pendingAttributes(change) }
      const parts = [this.#putNew(name, header), this.#putName(name, place)]
      await this.#parts.writer.write('Registering a subscription', parts, signal)
    }
  }

  #putName(name: string, place: string): Part {
    return this.#putNew(name, { ...nameKey(name), place: text(place) })
  }

  #putNew(name: string, item: Item): Part {
    const put = {
      TableName: this.#parts.table,
      Item: item,
      ConditionExpression: 'attribute_not_exists(p)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    }
    return partOf(name, { Put: put })
  }

  async changeSubscription(
    current: RegisteredSubscription,
    { definition, partitions, position }: SubscriptionChange,
    signal?: AbortSignal,
  ): Promise<boolean> {
    return this.#change(
      current,
      (header) => ({
        id: randomUUID(),
        kind: 'change',
        shape: header.shape + 1,
        partitions: partitions ?? header.partitions,
        ...(definition && { definition }),
        ...(position !== undefined && { position }),
      }),
      signal,
    )
  }

  async takeOverSubscription(
    current: RegisteredSubscription,
    successor: string,
    definition: SubscriptionDefinition,
    signal?: AbortSignal,
  ): Promise<boolean> {
    return this.#change(
      current,
      (header) => ({
        id: randomUUID(),
        kind: 'takeOver',
        shape: header.shape + 1,
        partitions: definition.partitions,
        definition,
        successor,
        createdAt: Date.now(),
      }),
      signal,
    )
  }

  async removeSubscription(current: RegisteredSubscription, signal?: AbortSignal): Promise<boolean> {
    if (current.place === undefined) return this.#removeSucceeded(current, signal)
    return this.#change(
      current,
      ({ shape }) => ({ id: randomUUID(), kind: 'remove', shape: shape + 1, partitions: 0 }),
      signal,
    )
  }

  /** Removes the name of a subscription whose place a successor has. */
  async #removeSucceeded(
    { name, revision }: RegisteredSubscription,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const input = {
      Key: nameKey(name),
      ConditionExpression: 'attribute_not_exists(#place) AND #rev = :rev',
      ExpressionAttributeNames: { '#place': 'place', '#rev': 'rev' },
      ExpressionAttributeValues: { ':rev': number(revision) },
    }
    const subject = this.#subject(nameKey(name).p.S)
    const { done } = await this.#parts.connection.write(subject, 'DeleteItem', input, signal)
    if (done) await this.#parts.changeNumber.raise()
    return done
  }

  /** Begins a change, if the subscription still has the revision of `current`, and completes it. */
  async #change(
    { name, place, revision }: RegisteredSubscription,
    changeOf: (header: Header) => PendingChange,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { items, changes } = this.#parts
    if (place === undefined) return false
    const header = await items.header(place, signal)
    if (header?.name !== name || header.revision !== revision) return false
    const change = changeOf(header)
    const isBegun = header.change === undefined && (await this.#begin(header, change, signal))
    // Also completes the change of another process, if that has come first.
    await changes.finish(place, signal)
    return isBegun
  }

  /** Writes the change into the header. A takeover also takes the successor's name, for the same place. */
  async #begin(header: Header, change: PendingChange, signal: AbortSignal | undefined): Promise<boolean> {
    const { writer, items, table } = this.#parts
    const { place, name } = header
    const update = updateOf(headerKey(place), {
      set: pendingAttributes(change),
      where: { rev: number(header.revision), name: text(name), id: undefined },
    })
    const parts = [partOf(name, { Update: { TableName: table, ...update } })]
    if (change.successor !== undefined) parts.push(this.#putName(change.successor, place))
    const failures = await writer.write('Changing a subscription', parts, signal)
    if (failures === undefined) return true
    // If the answer of this call's own transaction was lost, the change may even be completed by now.
    const now = await items.header(place, signal)
    return now?.change?.id === change.id || now?.lastChange === change.id
  }

  async pauseSubscription(name: string, isPaused: boolean, signal?: AbortSignal): Promise<boolean> {
    const { connection, changeNumber } = this.#parts
    for (;;) {
      const header = await this.header(name, signal)
      if (header === undefined) return false
      if (header.isPaused === isPaused) return true
      const input = updateOf(headerKey(header.place), {
        ...(isPaused ? { set: { paused: { BOOL: true } } } : { remove: ['paused'] }),
        add: { rev: number(1) },
        where: { rev: number(header.revision), name: text(name), id: undefined },
      })
      const { done } = await connection.write(
        this.#subject(headerKey(header.place).p.S),
        'UpdateItem',
        input,
        signal,
      )
      if (!done) continue
      await changeNumber.raise()
      return true
    }
  }

  async listSubscriptions(
    after: string,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly RegisteredSubscription[]> {
    const listed: RegisteredSubscription[] = []
    // A subscription may be removed between the two reads. Only an empty page says that no more follow.
    for (let last = after; listed.length < limit; ) {
      const page = await this.#namesAfter(last, limit - listed.length, signal)
      if (page.length === 0) break
      listed.push(...(await this.#describe(page, signal)))
      last = textOf(page.at(-1), 's') as string
    }
    return listed
  }

  #namesAfter(after: string, limit: number, signal: AbortSignal | undefined): Promise<readonly Item[]> {
    const { connection, table } = this.#parts
    const pages = Array.from({ length: shards }, (_, shard) => (last: string) => {
      const subject = { doing: 'Listing the subscriptions', table, key: namesPartition(shard) }
      return listPage(connection, subject, { prefix: '', after: last, limit }, signal)
    })
    return mergeShards(pages, after, limit)
  }

  async #describe(
    names: readonly Item[],
    signal: AbortSignal | undefined,
  ): Promise<readonly RegisteredSubscription[]> {
    const { connection, table } = this.#parts
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
      const registered = isStable ? registeredOf(header) : await this.readSubscription(name, signal)
      if (registered !== undefined) described.push(registered)
    }
    return described
  }

  /**
   * Parts of a transaction of a rebuild: register the subscription or give it this definition, move all checkpoints to
   * a position, end their leases, and void the events parked up to it.
   */
  async moveCheckpointParts(
    name: string,
    definition: SubscriptionDefinition,
    position: number,
    signal?: AbortSignal,
  ): Promise<Part[]> {
    const { items, table } = this.#parts
    const header = await this.header(name, signal)
    if (header === undefined) return this.#registerParts(name, definition, position)
    const { place, voidUpTo, revision } = header
    const where = { rev: number(revision), name: text(name), id: undefined }
    const stored = await items.read(place, { consistent: true }, signal)
    // These events are void already. If the position is before them, their records would count again.
    const { UpdateExpression: _, ...condition } = updateOf(headerKey(place), { where })
    const guard = partOf(name, { ConditionCheck: { TableName: table, ...condition } })
    await deleteParked(this.#parts, place, { after: -1, upTo: voidUpTo }, guard, signal)
    const update = updateOf(headerKey(place), {
      set: { def: definitionText(definition), u: number(position) },
      add: { rev: number(1), asks: number(1) },
      remove: ['skip'],
      where,
    })
    const moves = (stored?.checkpoints ?? []).map((one) => moveUpdate(table, place, one, position))
    return [{ TableName: table, ...update }, ...moves].map((one) => partOf(name, { Update: one }))
  }

  #registerParts(name: string, definition: SubscriptionDefinition, position: number): Part[] {
    const place = randomUUID()
    const numbers = Array.from({ length: definition.partitions }, (_, partition) => partition)
    return [
      this.#putName(name, place),
      this.#putNew(name, newHeaderItem(name, place, definition, 1)),
      ...numbers.map((partition) => this.#putNew(name, checkpointItem(place, 1, { partition, position }))),
    ]
  }
}
