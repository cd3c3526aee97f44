/**
 * Parked events: each has an item in the partition of its subscription's parked events, sorted by position.
 */
import type { EventToPark, Lease, ParkedRecord, ParkedState, ParkedStream } from '../storage/index.ts'
import { type Item, number, numberOf, text, textOf } from './attributes.ts'
import { advancePart, fencePart, headerKey, refusedAdvance } from './checkpoint.ts'
import type { Connection } from './connection.ts'
import {
  digits,
  type Key,
  parkedKey,
  parkedPartition,
  range,
  subscriptionPartition,
  type Tables,
} from './keys.ts'
import type { Part, Writer } from './writer.ts'

export class ParkedEvents {
  readonly #connection: Connection
  readonly #writer: Writer
  readonly #table: string

  constructor(connection: Connection, writer: Writer, tables: Tables) {
    this.#connection = connection
    this.#writer = writer
    this.#table = tables.log
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
      [advancePart(this.#table, lease, position), ...events.map((event) => this.#parkPart(lease, event))],
      signal,
    )
  }

  async parkAgain(lease: Lease, event: EventToPark, signal?: AbortSignal): Promise<void> {
    await this.#write(
      'Parking an event',
      lease,
      [fencePart(this.#table, lease), this.#parkPart(lease, event)],
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

  #parkPart({ subscription, partition }: Lease, event: EventToPark): Part {
    const { error, stack, position } = event
    const item = {
      ...parkedKey(subscription, position),
      i: number(partition),
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

  /** The position up to which parked events no longer count: a rebuild has moved the checkpoint past them. */
  async #voidUpTo(name: string, signal: AbortSignal | undefined): Promise<number> {
    const subject = { doing: 'Reading a subscription', table: this.#table, key: subscriptionPartition(name) }
    return numberOf(await this.#connection.get(subject, headerKey(name), signal), 'u') ?? 0
  }

  #parkedAfter(name: string, after: number) {
    const partition = parkedPartition(name)
    return {
      subject: { doing: 'Reading parked events', table: this.#table, key: partition },
      input: {
        KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
        ExpressionAttributeValues: range(partition, digits(after + 1), digits(Number.MAX_SAFE_INTEGER)),
      },
    }
  }

  /** All parked events, without their errors and stacks, which are most of their bytes. */
  async #parked(name: string, signal: AbortSignal | undefined): Promise<ParkedRecord[]> {
    const { subject, input } = this.#parkedAfter(name, await this.#voidUpTo(name, signal))
    const names = { '#state': 'state', '#stream': 'stream' }
    const withoutErrors = {
      ...input,
      ProjectionExpression: 's, i, #stream, id, y, #state, n, t',
      ExpressionAttributeNames: names,
    }
    return (await this.#connection.queryAll(subject, withoutErrors, signal)).map(parkedOf)
  }

  async #isVoid(name: string, position: number, signal: AbortSignal | undefined): Promise<boolean> {
    return position <= (await this.#voidUpTo(name, signal))
  }

  async parkedToHandle(
    { subscription, partition }: Lease,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly ParkedRecord[]> {
    const first = new Map<string, number>()
    const parked = await this.#parked(subscription, signal)
    for (const { streamId, position } of parked) if (!first.has(streamId)) first.set(streamId, position)
    return parked
      .filter((event) => event.partition === partition)
      .filter(
        ({ state, streamId, position }) =>
          state === 'retrying' || (state === 'blocked' && first.get(streamId) === position),
      )
      .slice(0, limit)
  }

  async parkedStreams(
    { subscription, partition }: Lease,
    signal?: AbortSignal,
  ): Promise<readonly ParkedStream[]> {
    const parked = await this.#parked(subscription, signal)
    const own = parked.filter((event) => event.partition === partition)
    // They come in order of position, so the last one of each stream wins.
    const last = new Map(own.map(({ streamId, position }) => [streamId, position]))
    return [...last].map(([streamId, position]) => ({ streamId, position }))
  }

  async listParked(
    name: string,
    after: number,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly ParkedRecord[]> {
    const from = Math.max(after, await this.#voidUpTo(name, signal))
    if (from >= Number.MAX_SAFE_INTEGER) return []
    const { subject, input } = this.#parkedAfter(name, from)
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

  async countParked(name: string, signal?: AbortSignal): Promise<number> {
    const { subject, input } = this.#parkedAfter(name, await this.#voidUpTo(name, signal))
    return this.#connection.count(subject, input, signal)
  }

  async retryParked(name: string, position: number, signal?: AbortSignal): Promise<boolean> {
    if (await this.#isVoid(name, position, signal)) return false
    const input = {
      Key: parkedKey(name, position),
      UpdateExpression: 'SET #state = :retrying',
      ConditionExpression: '#state = :parked',
      ExpressionAttributeNames: { '#state': 'state' },
      ExpressionAttributeValues: { ':retrying': text('retrying'), ':parked': text('parked') },
    }
    const subject = { doing: 'Retrying a parked event', table: this.#table, key: parkedPartition(name) }
    const { done, item } = await this.#connection.write(subject, 'UpdateItem', input, signal)
    return done || item !== undefined
  }

  async skipParked(name: string, position: number, signal?: AbortSignal): Promise<boolean> {
    if (await this.#isVoid(name, position, signal)) return false
    const input = { Key: parkedKey(name, position), ReturnValues: 'ALL_OLD' }
    const subject = { doing: 'Skipping a parked event', table: this.#table, key: parkedPartition(name) }
    const { item } = await this.#connection.write(subject, 'DeleteItem', input, signal)
    return item !== undefined
  }
}

/** Part of a transaction that also checks the lease: deletes a parked event. */
export function unparkPart(table: string, { subscription }: Lease, position: number): Part {
  const item = { Delete: { TableName: table, Key: parkedKey(subscription, position) } }
  return { item, size: 0, name: `parked event of '${subscription}'`, failed: () => undefined }
}

function parkedOf(item: Item): ParkedRecord {
  return {
    partition: numberOf(item, 'i') as number,
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
