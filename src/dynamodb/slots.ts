/**
 * Slots: the places of the log, dense, so that a reader sees what is missing.
 *
 *     taken ──▶ used     in the transaction that writes the events
 *        └────▶ sealed   by its own writer, who gave up, or by a reader, who has waited long enough
 *
 * Both are a put that demands that the slot is not there yet: whoever comes second knows. A writer whose slot was sealed
 * has written nothing, and takes another one.
 */
import { type Item, number, numberOf, text, textOf } from './attributes.ts'
import type { Connection } from './connection.ts'
import type { Subject } from './errors.ts'
import { counterKey, slotKey, type Tables } from './keys.ts'

/** The counter as it is: how many slots were taken, and what all who take one have to know. */
export interface Counter {
  readonly last: number
  /** Grows when a projection is put in the place of another, or is about to be. */
  readonly epoch: number
  /** The projections whose documents nobody may change now, each with the name of its lock. */
  readonly locks: ReadonlyMap<string, string>
}

/** Consecutive events of one commit. */
export interface Run {
  readonly streamId: string
  readonly firstVersion: number
  readonly count: number
  readonly types: readonly string[]
  /** The first version of the commit, whose events may be in several runs if it was imported. */
  readonly commit: number
}

/** Events that a restored table does not have any more: their positions stay empty. */
export const lostRun = (count: number): Run => ({
  streamId: '',
  firstVersion: 0,
  count,
  types: [],
  commit: 0,
})
export const isLost = ({ firstVersion }: Run): boolean => firstVersion === 0

/** A slot that is settled. */
export interface Slot {
  readonly number: number
  /** None: it was sealed. */
  readonly runs: readonly Run[]
  /** How many events it has. */
  readonly count: number
  /** When the last of its events was recorded, in milliseconds since 1970. */
  readonly recordedAt: number
  /** When it was written. */
  readonly writtenAt: number
  /** The body of its only commit, if that was small. */
  readonly inlined: Item | undefined
}

const never = { ConditionExpression: 'attribute_not_exists(p)' }

export class Slots {
  readonly #connection: Connection
  readonly #table: string
  /** Slots being given back. */
  readonly #sealing = new Set<Promise<unknown>>()

  constructor(connection: Connection, tables: Tables) {
    this.#connection = connection
    this.#table = tables.log
  }

  /** Takes slots: the last of them is the counter's, and those before it are taken with it. */
  async take(count: number, signal?: AbortSignal): Promise<Counter> {
    const { item } = await this.#connection.write(
      this.#subject('Taking a place in the log', counterKey.p.S),
      'UpdateItem',
      {
        Key: counterKey,
        UpdateExpression: 'ADD n :count',
        ExpressionAttributeValues: { ':count': number(count) },
        ReturnValues: 'ALL_NEW',
      },
      signal,
    )
    return counterOf(item)
  }

  async counter(signal?: AbortSignal): Promise<Counter> {
    return counterOf(await this.counterItem(signal))
  }

  counterItem(signal?: AbortSignal): Promise<Item | undefined> {
    const subject = this.#subject('Reading the end of the log', counterKey.p.S)
    return this.#connection.get(subject, counterKey, signal)
  }

  /** Closes a slot. False if it was used. */
  async seal(slot: number, signal?: AbortSignal): Promise<boolean> {
    const key = slotKey(slot)
    const { done, item } = await this.#connection.write(
      this.#subject('Sealing a slot', key.p.S),
      'PutItem',
      { Item: { ...key, x: { BOOL: true } }, ...never },
      signal,
    )
    return done || item?.x !== undefined
  }

  /** Closes a slot that its own writer does not use; readers would do so after a while. */
  giveBack(slot: number): void {
    const sealing = this.seal(slot)
      .catch(() => {})
      .finally(() => this.#sealing.delete(sealing))
    this.#sealing.add(sealing)
  }

  async close(): Promise<void> {
    await Promise.all(this.#sealing)
  }

  #subject(doing: string, key: string): Subject {
    return { doing, table: this.#table, key }
  }
}

export function counterOf(item: Item | undefined): Counter {
  const locks = new Map(Object.entries(JSON.parse(textOf(item, 'l') ?? '{}') as Record<string, string>))
  return { last: numberOf(item, 'n') ?? 0, epoch: numberOf(item, 'r') ?? 0, locks }
}

type StoredRun = [streamId: string, first: number, count: number, types: readonly string[], commit?: number]

/** The attributes of a slot that is used. */
export function slotItem(
  slot: number,
  runs: readonly Run[],
  { recordedAt, writtenAt }: Pick<Slot, 'recordedAt' | 'writtenAt'>,
): Item {
  const stored = runs.map(
    ({ streamId, firstVersion, count, types, commit }): StoredRun =>
      commit === firstVersion
        ? [streamId, firstVersion, count, types]
        : [streamId, firstVersion, count, types, commit],
  )
  return {
    ...slotKey(slot),
    r: text(JSON.stringify(stored)),
    t: number(recordedAt),
    w: number(writtenAt),
  }
}

export function slotOfItem(item: Item): Slot {
  const stored = JSON.parse(textOf(item, 'r') ?? '[]') as StoredRun[]
  const runs = stored.map(
    ([streamId, firstVersion, count, types, commit = firstVersion]): Run => ({
      streamId,
      firstVersion,
      count,
      types,
      commit,
    }),
  )
  return {
    number: Number(textOf(item, 's')),
    runs,
    count: runs.reduce((sum, { count }) => sum + count, 0),
    recordedAt: numberOf(item, 't') ?? 0,
    writtenAt: numberOf(item, 'w') ?? 0,
    inlined: item.e === undefined ? undefined : item,
  }
}

/** The runs of events that stand one after the other in a slot. */
export function runsOf(
  events: readonly {
    readonly streamId: string
    readonly version: number
    readonly type: string
    readonly commit: number
  }[],
): Run[] {
  const runs: { streamId: string; firstVersion: number; count: number; types: string[]; commit: number }[] =
    []
  for (const { streamId, version, type, commit } of events) {
    const last = runs.at(-1)
    if (last?.commit === commit && last.streamId === streamId && last.firstVersion + last.count === version) {
      last.count++
      if (!last.types.includes(type)) last.types.push(type)
    } else {
      runs.push({ streamId, firstVersion: version, count: 1, types: [type], commit })
    }
  }
  return runs
}
