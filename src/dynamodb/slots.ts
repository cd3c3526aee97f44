/**
 * Slots: the numbered places of the log. Their numbers have no gaps, so that a reader sees which slots are missing.
 *
 *     taken ──▶ used     by the transaction that writes the events
 *        └────▶ sealed   by the writer itself if it does not use the slot, or by a reader that has waited for `gapTimeout`
 *
 * Both are a put with the condition that the slot does not exist yet, so only one of them succeeds. A writer whose slot
 * was sealed has written nothing, and takes another slot.
 */
import type { RegisteredProjection } from '../storage/index.ts'
import { type Item, number, numberOf, text, textOf } from './attributes.ts'
import type { Connection } from './connection.ts'
import type { Subject } from './errors.ts'
import { counterKey, slotKey, type Tables } from './keys.ts'

/**
 * The counter: the last slot that was taken, and the locks and the inline projections that every writer must
 * check when it takes a slot.
 */
export interface Counter {
  /** The last slot that was taken; 0 if none was. */
  readonly last: number
  /** Grows with each lock, each unlock, and each registration of an inline projection. */
  readonly epoch: number
  /**
   * The ids of the locks, by the name of the locked projection. The empty name stands for the lock of all appends. See
   * `ProjectionLocks.blocks`.
   */
  readonly locks: ReadonlyMap<string, string>
  /** The inline projections. Every append must write their documents. */
  readonly inline: readonly InlineEntry[]
}

/** An inline projection, as the counter lists it for appends. */
type InlineEntry = Pick<RegisteredProjection, 'name' | 'version' | 'generation'>

/** Consecutive events of one commit. */
export interface Run {
  readonly streamId: string
  readonly firstVersion: number
  readonly count: number
  readonly types: readonly string[]
  /** The first version of the commit. The events of an imported commit may be in several runs. */
  readonly commit: number
}

/** The run of events that a restored table no longer has: their positions stay empty. */
export const lostRun = (count: number): Run => ({
  streamId: '',
  firstVersion: 0,
  count,
  types: [],
  commit: 0,
})
export const isLost = ({ firstVersion }: Run): boolean => firstVersion === 0

/** A settled slot: used or sealed. */
export interface Slot {
  readonly number: number
  /** Empty if the slot was sealed. */
  readonly runs: readonly Run[]
  /** The number of its events. */
  readonly count: number
  /** When the last of its events was recorded, in milliseconds since 1970. */
  readonly recordedAt: number
  /** When its item was written, in milliseconds since 1970. */
  readonly writtenAt: number
  /** The body of its only commit, if that was small. */
  readonly inlined: Item | undefined
}

const mustNotExist = { ConditionExpression: 'attribute_not_exists(p)' }

export class Slots {
  readonly #connection: Connection
  readonly #table: string
  /** The requests under way that seal unused slots. */
  readonly #sealing = new Set<Promise<unknown>>()

  constructor(connection: Connection, tables: Tables) {
    this.#connection = connection
    this.#table = tables.log
  }

  /** Takes `count` consecutive slots. The last of them is `last` of the returned counter. */
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

  /** Seals a slot, or finds it sealed. Returns false if it is used. */
  async seal(slot: number, signal?: AbortSignal): Promise<boolean> {
    const key = slotKey(slot)
    const { done, item } = await this.#connection.write(
      this.#subject('Sealing a slot', key.p.S),
      'PutItem',
      { Item: { ...key, x: { BOOL: true } }, ...mustNotExist },
      signal,
    )
    return done || item?.x !== undefined
  }

  /**
   * Seals a slot that its writer does not use, in the background. If this fails, a reader seals it after
   * `gapTimeout`.
   */
  sealUnused(slot: number): void {
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

type StoredInline = [name: string, version: number, generation: number]

export function counterOf(item: Item | undefined): Counter {
  const locks = new Map(Object.entries(JSON.parse(textOf(item, 'l') ?? '{}') as Record<string, string>))
  const stored = JSON.parse(textOf(item, 'i') ?? '[]') as StoredInline[]
  const inline = stored.map(([name, version, generation]) => ({ name, version, generation }))
  return { last: numberOf(item, 'n') ?? 0, epoch: numberOf(item, 'r') ?? 0, locks, inline }
}

/** Returns the text of the list of inline projections in the counter, after a projection has changed. */
export function inlineText(
  inline: Counter['inline'],
  { name, version, generation, mode }: RegisteredProjection,
): string {
  const entries = inline.filter((entry) => entry.name !== name)
  if (mode === 'inline' && version > 0) entries.push({ name, version, generation })
  return JSON.stringify(entries.map((entry): StoredInline => [entry.name, entry.version, entry.generation]))
}

type StoredRun = [streamId: string, first: number, count: number, types: readonly string[], commit?: number]

/** The item of a used slot. */
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

/** Returns the runs of events that are consecutive in a slot. */
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
