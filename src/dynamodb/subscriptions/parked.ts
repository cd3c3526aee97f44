/**
 * Parked events: each has an item in the partition of the table for its subscription's place, sorted by position.
 */
import {
  type EventToPark,
  isInPartition,
  type Lease,
  type ParkedRecord,
  type ParkedState,
  type ParkedStream,
} from '../../storage/index.ts'
import {
  digits,
  headerKey,
  type Key,
  parkedKey,
  parkedPartition,
  placePartition,
  range,
  type Tables,
} from '../keys.ts'
import { type Item, number, numberOf, text, textOf } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import { updateOf } from '../requests/item-update.ts'
import type { Part, Writer } from '../requests/writer.ts'
import { advancePart, parkingFencePart, refusedAdvance } from './checkpoint.ts'
import { mostParkedInTransaction } from './parked-deletion.ts'
import type { DynamodbSubscriptions } from './subscription.ts'
import { type Header, headerOf } from './subscription-items.ts'

export class ParkedEvents {
  readonly #connection: Connection
  readonly #writer: Writer
  readonly #table: string
  readonly #subscriptions: DynamodbSubscriptions
  /** By the names of the subscriptions: how many events were parked in a state of the stored items. */
  readonly #counts = new Map<string, { readonly state: string; readonly count: number }>()

  constructor(connection: Connection, writer: Writer, { log }: Tables, subscriptions: DynamodbSubscriptions) {
    this.#connection = connection
    this.#writer = writer
    this.#table = log
    this.#subscriptions = subscriptions
  }

  async park(
    lease: Lease,
    events: readonly EventToPark[],
    position: number,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#write(
      'Parking events',
      lease,
      [
        advancePart(this.#table, lease, position, true),
        ...events.map((event) => this.#parkPart(lease, event)),
      ],
      signal,
    )
    this.#subscriptions.noteAdvanced(lease, position)
  }

  async parkAgain(lease: Lease, event: EventToPark, signal?: AbortSignal): Promise<void> {
    await this.#write(
      'Parking an event',
      lease,
      [parkingFencePart(this.#table, lease), this.#parkPart(lease, event)],
      signal,
    )
  }

  async #write(
    doing: string,
    lease: Lease,
    parts: readonly Part[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const failures = (await this.#writer.write(doing, parts, signal)) ?? []
    for (const { part, reason } of failures) {
      throw part.failed(reason) ?? refusedAdvance(lease, reason.Item)
    }
  }

  #parkPart({ subscription, place }: Lease, event: EventToPark): Part {
    const { error, stack, position } = event
    const item = {
      ...parkedKey(place, position),
      stream: text(event.streamId),
      id: text(event.eventId),
      y: text(event.type),
      state: text(event.state),
      n: number(event.failures),
      error: text(shortened(error)),
      ...(stack !== undefined && { stack: text(shortened(stack)) }),
      t: number(Date.now()),
    }
    const put = { Put: { TableName: this.#table, Item: item } }
    return { item: put, size: 0, name: `parked event of '${subscription}'`, failed: () => undefined }
  }

  async #header(place: string, signal: AbortSignal | undefined): Promise<Header | undefined> {
    const subject = { doing: 'Reading a subscription', table: this.#table, key: placePartition(place) }
    const item = await this.#connection.get(subject, headerKey(place), signal)
    return item && headerOf(item)
  }

  #parkedAfter(place: string, after: number) {
    const partition = parkedPartition(place)
    return {
      subject: { doing: 'Reading parked events', table: this.#table, key: partition },
      input: {
        KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
        ExpressionAttributeValues: range(partition, digits(after + 1), digits(Number.MAX_SAFE_INTEGER)),
      },
    }
  }

  /** All parked events of the partition of a lease, without their errors and stacks, which are most of their bytes. */
  async #parkedOf(
    { place, partition: index, partitions: count }: Lease,
    header: Header | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ParkedRecord[]> {
    const { subject, input } = this.#parkedAfter(place, header?.voidUpTo ?? 0)
    const withoutErrors = {
      ...input,
      ProjectionExpression: 's, #stream, id, y, #state, n, t',
      ExpressionAttributeNames: { '#state': 'state', '#stream': 'stream' },
    }
    const items = await this.#connection.queryAll(subject, withoutErrors, signal)
    // The number of partitions may have changed since the event was parked.
    return items.map(parkedOf).filter(({ streamId }) => isInPartition(streamId, { index, count }))
  }

  async parkedToHandle(lease: Lease, limit: number, signal?: AbortSignal): Promise<readonly ParkedRecord[]> {
    const first = new Map<string, number>()
    // Before the parked events: a request that comes meanwhile then counts as not handled.
    const header = await this.#header(lease.place, signal)
    const parked = await this.#parkedOf(lease, header, signal)
    for (const { streamId, position } of parked) if (!first.has(streamId)) first.set(streamId, position)
    const due = parked.filter(
      ({ state, streamId, position }) =>
        state === 'retrying' || (state === 'blocked' && first.get(streamId) === position),
    )
    if (due.length === 0 && header !== undefined)
      await this.#subscriptions.noteNoneDue(lease, header.parkedRequests, signal)
    return due.slice(0, limit)
  }

  async parkedStreams(lease: Lease, signal?: AbortSignal): Promise<readonly ParkedStream[]> {
    const parked = await this.#parkedOf(lease, await this.#header(lease.place, signal), signal)
    // They come in order of position, so the last one of each stream wins.
    const last = new Map(parked.map(({ streamId, position }) => [streamId, position]))
    return [...last].map(([streamId, position]) => ({ streamId, position }))
  }

  async listParked(
    name: string,
    after: number,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly ParkedRecord[]> {
    const header = await this.#subscriptions.registry.header(name, signal)
    const from = Math.max(after, header?.voidUpTo ?? 0)
    if (header === undefined || from >= Number.MAX_SAFE_INTEGER) return []
    const { subject, input } = this.#parkedAfter(header.place, from)
    const records: ParkedRecord[] = []
    for (let start: Item | undefined; records.length < limit; ) {
      const page = { ...input, Limit: Math.min(limit - records.length, 1_000) }
      const { items, next } = await this.#connection.query(
        subject,
        start === undefined ? page : { ...page, ExclusiveStartKey: start },
        signal,
      )
      records.push(...items.map(parkedOf))
      start = next
      if (start === undefined) break
    }
    return records
  }

  /** Counting costs as much as reading all parked events. So the process counts again only if they may have changed. */
  async countParked(name: string, signal?: AbortSignal): Promise<number> {
    const stored = await this.#subscriptions.stored(name, signal)
    if (stored === undefined) return 0
    const { place, shape, parkedRequests, voidUpTo } = stored.header
    const changes = stored.checkpoints.map(({ parkedBy }) => parkedBy)
    const state = JSON.stringify([place, shape, parkedRequests, voidUpTo, changes])
    const known = this.#counts.get(name)
    if (known?.state === state) return known.count
    const { subject, input } = this.#parkedAfter(place, voidUpTo)
    const count = await this.#connection.count(subject, input, signal)
    this.#counts.set(name, { state, count })
    return count
  }

  retryParked(name: string, positions: readonly number[], signal?: AbortSignal): Promise<readonly number[]> {
    const retry = (item: Item) => {
      if (textOf(item, 'state') !== 'parked') return undefined
      const { p, s } = item as Key
      const update = updateOf(
        { p, s },
        { set: { state: text('retrying') }, where: { state: text('parked') } },
      )
      return { Update: { TableName: this.#table, ...update } }
    }
    return this.#request('Retrying parked events', name, positions, retry, signal)
  }

  skipParked(name: string, positions: readonly number[], signal?: AbortSignal): Promise<readonly number[]> {
    const skip = (item: Item) => {
      const { p, s } = item as Key
      return { Delete: { TableName: this.#table, Key: { p, s }, ConditionExpression: 'attribute_exists(p)' } }
    }
    return this.#request('Skipping parked events', name, positions, skip, signal)
  }

  /**
   * Changes parked events. Each transaction also raises `parkedRequests`, so that workers look for them. Returns the
   * positions at which an event was parked. `changeOf`: returns the item of the transaction, or undefined if the event
   * needs no change.
   */
  async #request(
    doing: string,
    name: string,
    positions: readonly number[],
    changeOf: (item: Item) => object | undefined,
    signal: AbortSignal | undefined,
  ): Promise<readonly number[]> {
    const header = await this.#subscriptions.registry.header(name, signal)
    if (header === undefined) return []
    const valid = [...new Set(positions)].filter((position) => position > header.voidUpTo)
    const found: number[] = []
    for (let from = 0; from < valid.length; from += mostParkedInTransaction) {
      const some = valid.slice(from, from + mostParkedInTransaction)
      found.push(...(await this.#requestSome(doing, header, some, changeOf, signal)))
    }
    if (found.length > 0) await this.#subscriptions.reportChange()
    return found
  }

  async #requestSome(
    doing: string,
    { name, place }: Header,
    positions: readonly number[],
    changeOf: (item: Item) => object | undefined,
    signal: AbortSignal | undefined,
  ): Promise<readonly number[]> {
    const subject = { doing, table: this.#table, key: parkedPartition(place) }
    const keys = positions.map((position) => parkedKey(place, position))
    const found = new Set<number>()
    for (;;) {
      const items = await this.#connection.batchGet(subject, keys, { consistent: true }, signal)
      // After a lost answer, or beside another request, an event may be gone that was there.
      for (const item of items) found.add(Number((item as Key).s.S))
      const changes = items.map(changeOf).filter((change) => change !== undefined)
      const part = (item: object): Part => ({
        item,
        size: 0,
        name: `parked event of '${name}'`,
        failed: () => undefined,
      })
      if (changes.length === 0) break
      const asked = updateOf(headerKey(place), { add: { asks: number(1) }, where: {} })
      const parts = [{ Update: { TableName: this.#table, ...asked } }, ...changes].map(part)
      const failures = await this.#writer.write(doing, parts, signal)
      if (failures === undefined) break
      // Without a header, the subscription was removed, and its parked events with it.
      if (failures.some((failure) => failure.part === parts[0])) return []
    }
    return positions.filter((position) => found.has(position))
  }
}

/** Part of a transaction that also checks the lease: deletes a parked event. */
export function unparkPart(table: string, { subscription, place }: Lease, position: number): Part {
  const item = { Delete: { TableName: table, Key: parkedKey(place, position) } }
  return { item, size: 0, name: `parked event of '${subscription}'`, failed: () => undefined }
}

function parkedOf(item: Item): ParkedRecord {
  return {
    position: Number((item as Key).s.S),
    streamId: textOf(item, 'stream') as string,
    eventId: textOf(item, 'id') as string,
    type: textOf(item, 'y') as string,
    state: textOf(item, 'state') as ParkedState,
    failures: numberOf(item, 'n') as number,
    error: textOf(item, 'error') ?? '',
    stack: textOf(item, 'stack'),
    parkedAt: new Date(numberOf(item, 't') as number),
  }
}

// An item has room for 400 KB. The beginning of an error is enough to find its cause.
const shortened = (message: string) => message.slice(0, 20_000)
