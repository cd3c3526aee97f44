/** The registry of subscriptions. See subscription-items.ts for the items, and subscription-change.ts for the changes. */
import { randomUUID } from 'node:crypto'
import type {
  RegisteredSubscription,
  SubscriptionChange,
  SubscriptionDefinition,
  SubscriptionRegistry,
} from '../../storage/index.ts'
import { headerKey, nameKey } from '../keys.ts'
import { type Item, number, text } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import { updateOf } from '../requests/item-update.ts'
import type { Part, Writer } from '../requests/writer.ts'
import type { ChangeNumber } from './change-number.ts'
import { partOf, type SubscriptionChanges } from './subscription-change.ts'
import {
  type Header,
  newHeaderItem,
  type PendingChange,
  pendingAttributes,
  registeredOf,
  type SubscriptionItems,
} from './subscription-items.ts'
import { listSubscriptions } from './subscription-list.ts'

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
    const { writer, table } = this.#parts
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
      const parts = [putPart(table, name, header), putNamePart(table, name, place)]
      await writer.write('Registering a subscription', parts, signal)
    }
  }

  async changeSubscription(
    current: RegisteredSubscription,
    { definition, partitions, position, again }: SubscriptionChange,
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
        ...(position !== undefined && { position, again: again === true }),
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
    if (change.successor !== undefined) parts.push(putNamePart(table, change.successor, place))
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

  listSubscriptions(
    after: string,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly RegisteredSubscription[]> {
    return listSubscriptions(this.#parts, this, after, limit, signal)
  }
}

/** Part of a transaction: gives a name a place, unless the name is registered. */
export const putNamePart = (table: string, name: string, place: string): Part =>
  putPart(table, name, { ...nameKey(name), place: text(place) })

/** Part of a transaction: puts an item of a subscription, unless it exists. */
export function putPart(table: string, name: string, item: Item): Part {
  const put = {
    TableName: table,
    Item: item,
    ConditionExpression: 'attribute_not_exists(p)',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
  return partOf(name, { Put: put })
}
