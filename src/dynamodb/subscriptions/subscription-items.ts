/**
 * The items of subscriptions, and how they are read.
 *
 * A name has one item. It holds the `place` of the subscription, a UUID that no other subscription ever gets. After
 * a takeover, it holds the successor `next` instead, with what the subscription was (the attributes of the header).
 * All other items of a subscription are in one partition of the table, under the place:
 *
 *     a                        the header: what the subscription is, and the change under way
 *     c#<shape>#<partition>    the checkpoint `o`, the owner of its lease, the fencing token, the hold `k`; `x`: closed;
 *                              `last`, `parked`: the ids of the last transactions that have moved it and parked events;
 *                              `asks`: the header's `asks` up to which no parked event of the partition is due
 *     s#<shape>#<nnnn>         a skip layer, as JSON
 *     w#<worker>               the process of a worker and its lease time
 *
 * The header:
 *
 *     name, n, paused, t, rev  as in `RegisteredSubscription`; `def` is the definition as JSON
 *     shape                    the number of the shape: which checkpoints count. Each change makes a new shape.
 *     skip                     there are skip layers of this shape
 *     u                        up to where parked events are void
 *     asks                     `parkedRequests`
 *     change, id               the change under way as JSON, and its id
 *     last                     the id of the last change that was completed
 *
 * See subscription-change.ts for how a subscription changes.
 */
import type { RegisteredSubscription, SkipLayer, SubscriptionDefinition } from '../../storage/index.ts'
import { headerKey, type Key, nameKey, placePartition } from '../keys.ts'
import { type Attribute, type Item, number, numberOf, text, textOf } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import { type Checkpoint, checkpointOf } from './checkpoint.ts'

/** A change under way: any process can complete it. */
export interface PendingChange {
  readonly id: string
  readonly kind: 'create' | 'change' | 'takeOver' | 'remove'
  /** The number of the shape that the change makes. */
  readonly shape: number
  readonly partitions: number
  readonly definition?: SubscriptionDefinition
  /** The lowest position of the new checkpoints; undefined: they follow from the old checkpoints. */
  readonly position?: number
  /** Whether all new checkpoints get the position, even if they move back. */
  readonly again?: boolean
  /** Only for a takeover: the name that gets the place, and the time of the takeover in milliseconds since 1970. */
  readonly successor?: string
  readonly createdAt?: number
}

export interface Header {
  readonly name: string
  readonly place: string
  readonly definition: SubscriptionDefinition | undefined
  readonly partitions: number
  readonly isPaused: boolean
  readonly createdAt: number
  readonly revision: number
  readonly shape: number
  readonly hasSkipLayers: boolean
  /** The position up to which parked events no longer count: a rebuild has moved the checkpoint past them. */
  readonly voidUpTo: number
  readonly parkedRequests: number
  readonly change: PendingChange | undefined
  readonly lastChange: string | undefined
}

export interface StoredWorker {
  readonly name: string
  readonly process: string
  /** In milliseconds. */
  readonly leaseTime: number
  /** A new number each time that the worker joins. */
  readonly joined: number
}

interface StoredSkipLayer {
  readonly key: Key
  readonly positions: SkipLayer
}

/** All items of a subscription. */
export interface StoredSubscription {
  readonly header: Header
  /** The checkpoints of the present shape, in their order. */
  readonly checkpoints: readonly Checkpoint[]
  readonly skipLayers: readonly StoredSkipLayer[]
  readonly workers: readonly StoredWorker[]
  /** The checkpoints and skip layers of other shapes, which a completed change has not deleted yet. */
  readonly leftovers: readonly Key[]
  readonly items: readonly Item[]
}

/** `none`: the name is not registered. */
export type NamedItem =
  | { readonly kind: 'none' }
  | { readonly kind: 'at'; readonly place: string }
  | { readonly kind: 'succeeded'; readonly subscription: RegisteredSubscription }

export class SubscriptionItems {
  readonly #connection: Connection
  readonly #table: string

  constructor(connection: Connection, table: string) {
    this.#connection = connection
    this.#table = table
  }

  async nameItem(name: string, signal: AbortSignal | undefined): Promise<NamedItem> {
    return namedItemOf(await this.#connection.get(this.#nameSubject(name), nameKey(name), signal))
  }

  /** Returns the place that a name has or had a moment ago, by an eventually consistent read. */
  async recentPlace(name: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    const consistency = { consistent: false }
    const keys = [nameKey(name)]
    const [item] = await this.#connection.batchGet(this.#nameSubject(name), keys, consistency, signal)
    return textOf(item, 'place')
  }

  #nameSubject(name: string) {
    return { doing: 'Looking up a subscription', table: this.#table, key: nameKey(name).p.S }
  }

  async header(place: string, signal: AbortSignal | undefined): Promise<Header | undefined> {
    const subject = { doing: 'Reading a subscription', table: this.#table, key: placePartition(place) }
    const item = await this.#connection.get(subject, headerKey(place), signal)
    return item && headerOf(item)
  }

  /** Reads all items of a place; undefined if the subscription was removed. */
  async read(
    place: string,
    { consistent }: { readonly consistent: boolean },
    signal: AbortSignal | undefined,
  ): Promise<StoredSubscription | undefined> {
    const subject = { doing: 'Reading a subscription', table: this.#table, key: placePartition(place) }
    const items = await this.#connection.queryAll(
      subject,
      {
        KeyConditionExpression: 'p = :p',
        ExpressionAttributeValues: { ':p': text(subject.key) },
        ConsistentRead: consistent,
      },
      signal,
    )
    return storedSubscriptionOf(items)
  }
}

function storedSubscriptionOf(items: readonly Item[]): StoredSubscription | undefined {
  const of = (kind: string) => items.filter((item) => (item as Key).s.S.startsWith(`${kind}#`))
  const first = items.find((item) => (item as Key).s.S === 'a')
  if (first === undefined) return undefined
  const header = headerOf(first)
  const isPresent = (item: Item) => shapeOfItem(item) === header.shape
  // While a change is under way, the items of the next shape are not leftovers.
  const isLeft = (item: Item) => shapeOfItem(item) < header.shape
  const layers = of('s')
  return {
    header,
    checkpoints: of('c').filter(isPresent).map(checkpointOf),
    skipLayers: header.hasSkipLayers ? layers.filter(isPresent).map(skipLayerOf) : [],
    workers: of('w').map(workerOf),
    leftovers: [
      ...[...of('c'), ...layers].filter(isLeft),
      ...(header.hasSkipLayers ? [] : layers.filter(isPresent)),
    ].map((item) => ({ p: item.p, s: item.s }) as Key),
    items,
  }
}

const shapeOfItem = (item: Item) => Number((item as Key).s.S.split('#')[1])

function skipLayerOf(item: Item): StoredSkipLayer {
  const { p, s } = item as Key
  return { key: { p, s }, positions: JSON.parse(textOf(item, 'l') as string) }
}

function workerOf(item: Item): StoredWorker {
  return {
    name: (item as Key).s.S.slice(2),
    process: textOf(item, 'process') as string,
    leaseTime: numberOf(item, 'lease') as number,
    joined: numberOf(item, 'joined') as number,
  }
}

export function headerOf(item: Item): Header {
  const change = textOf(item, 'change')
  return {
    name: textOf(item, 'name') as string,
    place: (item as Key).p.S.slice(2),
    definition: definitionOf(textOf(item, 'def')),
    partitions: numberOf(item, 'n') as number,
    isPaused: item.paused !== undefined,
    createdAt: numberOf(item, 't') as number,
    revision: numberOf(item, 'rev') as number,
    shape: numberOf(item, 'shape') as number,
    hasSkipLayers: item.skip !== undefined,
    voidUpTo: numberOf(item, 'u') ?? 0,
    parkedRequests: numberOf(item, 'asks') ?? 0,
    change: change === undefined ? undefined : (JSON.parse(change) as PendingChange),
    lastChange: textOf(item, 'last'),
  }
}

function definitionOf(json: string | undefined): SubscriptionDefinition | undefined {
  if (json === undefined) return undefined
  // JSON leaves out what is undefined.
  return { types: undefined, streamPrefix: undefined, tags: undefined, ...JSON.parse(json) }
}

export const definitionText = (definition: SubscriptionDefinition): Attribute =>
  text(JSON.stringify(definition))

/** Whether a parked event of any partition may be due, see `parkedToHandle`. */
export const mayHaveDueEvents = ({ header, checkpoints }: StoredSubscription): boolean =>
  checkpoints.some(({ parkedRequests }) => parkedRequests !== header.parkedRequests)

export function registeredOf(header: Header): RegisteredSubscription {
  const { name, place, definition, partitions, isPaused, createdAt, revision } = header
  return {
    name,
    place,
    definition,
    partitions,
    isPaused,
    successor: undefined,
    createdAt: new Date(createdAt),
    revision,
  }
}

export function namedItemOf(item: Item | undefined): NamedItem {
  if (item === undefined) return { kind: 'none' }
  const place = textOf(item, 'place')
  if (place !== undefined) return { kind: 'at', place }
  const subscription = {
    name: (item as Key).s.S,
    place: undefined,
    definition: definitionOf(textOf(item, 'def')),
    partitions: numberOf(item, 'n') as number,
    isPaused: item.paused !== undefined,
    successor: textOf(item, 'next'),
    createdAt: new Date(numberOf(item, 't') as number),
    revision: numberOf(item, 'rev') as number,
  }
  return { kind: 'succeeded', subscription }
}

/** The header of a new subscription. */
export function newHeaderItem(
  name: string,
  place: string,
  definition: SubscriptionDefinition,
  shape: number,
): Item {
  return {
    ...headerKey(place),
    name: text(name),
    def: definitionText(definition),
    n: number(definition.partitions),
    t: number(Date.now()),
    rev: number(0),
    shape: number(shape),
  }
}

export const pendingAttributes = (change: PendingChange): Item => ({
  change: text(JSON.stringify(change)),
  id: text(change.id),
})
