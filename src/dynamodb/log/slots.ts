/**
 * Slots: the log consists of numbered slots, and one transaction fills each of them. Their numbers have no gaps, so that a reader sees which slots are missing.
 *
 *     taken ──▶ used     by the transaction that writes the events
 *        └────▶ sealed   by the writer itself if it does not use the slot, or by a reader that has waited for `gapTimeout`
 *
 * Both are a put with the condition that the slot does not exist yet, so only one of them succeeds. A writer whose slot
 * was sealed has written nothing, and takes another slot.
 *
 * The counter also counts positions: a writer takes a slot and as many positions as it has events. So the order of the
 * positions is the order of the slots. The positions of a sealed slot stay empty.
 *
 * Every take demands that the era of the log has not ended (attribute `z`). A later version of the library ends an era to
 * divide the log into several chains of slots. It can then do so while processes of this version run.
 */
import { abortable, type RegisteredProjection, SchemaMismatchError } from '../../storage/index.ts'
import { counterKey, slotKey, type Tables } from '../keys.ts'
import { type Item, number, numberOf, textOf } from '../requests/attributes.ts'
import type { Connection, Throttled, WriteResult } from '../requests/connection.ts'
import type { Subject } from '../requests/errors.ts'
import { checkNotEnded, sealedItem } from './slot-item.ts'

/**
 * The counter: the slots and positions that were taken, and the locks and the inline projections that every writer must
 * check when it takes a slot.
 */
export interface Counter {
  /** The last slot that was taken; 0 if none was. */
  readonly slot: number
  /** The last position that was taken; 0 if none was. */
  readonly position: number
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

/** A slot that this process has taken, and may use. */
export interface TakenSlot {
  readonly number: number
  /** The position of its first event. */
  readonly first: number
  /** The counter as the take has left it. */
  readonly counter: Counter
}

const takeUpdate = (count: number): object => ({
  Key: counterKey,
  UpdateExpression: 'SET n = n + :one, c = c + :count',
  ConditionExpression: 'attribute_exists(n) AND attribute_not_exists(z)',
  ExpressionAttributeValues: { ':one': number(1), ':count': number(count) },
  ReturnValues: 'ALL_NEW',
})

const mustNotExist = { ConditionExpression: 'attribute_not_exists(p)' }

export class Slots {
  readonly #connection: Connection
  readonly #table: string
  readonly #gapTimeout: number

  constructor(connection: Connection, tables: Tables, gapTimeout: number) {
    this.#connection = connection
    this.#table = tables.log
    this.#gapTimeout = gapTimeout
  }

  /**
   * Takes the next slot, with `count` positions.
   *
   * @throws SchemaMismatchError if there is no counter, or if a later version of the library has ended the era
   */
  async take(count: number, signal?: AbortSignal): Promise<TakenSlot> {
    const input = takeUpdate(count)
    return this.#takenSlot(
      await this.#connection.write(this.#takeSubject, 'UpdateItem', input, signal),
      count,
    )
  }

  /** Takes the next slot like `take`, but does not retry a throttled request. */
  async takeUnlessThrottled(count: number): Promise<TakenSlot | Throttled> {
    const input = takeUpdate(count)
    const result = await this.#connection.writeUnlessThrottled(this.#takeSubject, 'UpdateItem', input)
    return 'throttled' in result ? result : this.#takenSlot(result, count)
  }

  get #takeSubject(): Subject {
    return this.#subject('Taking a slot of the log', counterKey.p.S)
  }

  #takenSlot({ done, item }: WriteResult, count: number): TakenSlot {
    if (!done) {
      checkNotEnded(item)
      throw new SchemaMismatchError(
        `Table '${this.#table}' has no counter of the log: call \`await store.schema.create()\` first`,
      )
    }
    const counter = counterOf(item)
    return { number: counter.slot, first: counter.position - count + 1, counter }
  }

  /** @throws SchemaMismatchError if a later version of the library has ended the era */
  async counter(
    signal?: AbortSignal,
    { consistent = true }: { readonly consistent?: boolean } = {},
  ): Promise<Counter> {
    return counterOf(await this.counterItem(signal, { consistent }))
  }

  counterItem(
    signal?: AbortSignal,
    { consistent = true }: { readonly consistent?: boolean } = {},
  ): Promise<Item | undefined> {
    const subject = this.#subject('Reading the end of the log', counterKey.p.S)
    return this.#connection.get(subject, counterKey, signal, { consistent })
  }

  /** Seals a slot, or finds it sealed. Returns false if it is used. */
  async seal(slot: number, signal?: AbortSignal): Promise<boolean> {
    const { done, item } = await this.#connection.write(
      this.#subject('Sealing a slot', slotKey(slot).p.S),
      'PutItem',
      { Item: sealedItem(slot), ...mustNotExist },
      signal,
    )
    return done || item?.x !== undefined
  }

  /**
   * Seals a slot that its writer does not use. Never rejects. The writer waits for it before its call ends: a function on
   * AWS Lambda may be frozen then, and all readers would wait for `gapTimeout`. After that time a reader seals the slot,
   * so the writer does not wait any longer.
   */
  async giveBack(slot: number): Promise<void> {
    await abortable(this.seal(slot), AbortSignal.timeout(this.#gapTimeout)).catch(() => {})
  }

  #subject(doing: string, key: string): Subject {
    return { doing, table: this.#table, key }
  }
}

type StoredInline = [name: string, version: number, generation: number]

/** @throws SchemaMismatchError if a later version of the library has ended the era */
export function counterOf(item: Item | undefined): Counter {
  checkNotEnded(item)
  const locks = new Map(Object.entries(JSON.parse(textOf(item, 'l') ?? '{}') as Record<string, string>))
  const stored = JSON.parse(textOf(item, 'i') ?? '[]') as StoredInline[]
  const inline = stored.map(([name, version, generation]) => ({ name, version, generation }))
  return {
    slot: numberOf(item, 'n') ?? 0,
    position: numberOf(item, 'c') ?? 0,
    epoch: numberOf(item, 'r') ?? 0,
    locks,
    inline,
  }
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
