/** Reads slots by their numbers. */

import { blockOf, blockPartition, digits, firstOfBlock, lastOfBlock, range, type Tables } from '../keys.ts'
import type { Item } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import { RecentBlocks } from './recent-blocks.ts'
import { lastPositionIn, type Slot, slotOfItem } from './slot-item.ts'

export interface ReadSlotsOptions {
  /** An eventually consistent read costs half. It may lack the newest slots, and has never anything wrong. */
  readonly consistent: boolean
}

export class SlotReads {
  readonly #connection: Connection
  readonly #table: string
  readonly #recent = new RecentBlocks()

  constructor(connection: Connection, tables: Tables) {
    this.#connection = connection
    this.#table = tables.log
  }

  /** Reads the slots from `start` to `end` (inclusive), without the missing ones. Reads all blocks at once. */
  async read(
    start: number,
    end: number,
    options: ReadSlotsOptions,
    signal: AbortSignal | undefined,
  ): Promise<readonly Slot[]> {
    const queries: Promise<readonly Slot[]>[] = []
    for (let slot = start; slot <= end; slot = lastOfBlock(blockOf(slot)) + 1) {
      queries.push(this.#readBlock(slot, Math.min(end, lastOfBlock(blockOf(slot))), options, signal))
    }
    return (await Promise.all(queries)).flat()
  }

  async #readBlock(
    start: number,
    end: number,
    { consistent }: ReadSlotsOptions,
    signal: AbortSignal | undefined,
  ): Promise<readonly Slot[]> {
    const block = blockOf(start)
    const isWhole = start === firstOfBlock(block) && end === lastOfBlock(block)
    const items =
      isWhole && !consistent
        ? await this.#recent.get(
            block,
            () => this.#query(start, end, consistent, undefined),
            ({ length }) => length === end - start + 1,
            signal,
          )
        : await this.#query(start, end, consistent, signal)
    return items.map((item) => slotOfItem(item))
  }

  #query(
    start: number,
    end: number,
    consistent: boolean,
    signal: AbortSignal | undefined,
  ): Promise<readonly Item[]> {
    const partition = blockPartition(blockOf(start))
    const subject = { doing: 'Reading the log', table: this.#table, key: partition }
    const input = {
      KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
      ExpressionAttributeValues: range(partition, digits(start), digits(end)),
      ConsistentRead: consistent,
    }
    return this.#connection.queryAll(subject, input, signal)
  }
}

/** Returns the first missing slot from `start` on. */
export function firstMissing(found: readonly Slot[], start: number): number {
  let expected = start
  for (const { number } of found) {
    if (number !== expected) break
    expected++
  }
  return expected
}

/** The position of the last event in these slots, at or before `until`; undefined if there is none. */
export function lastEventIn(
  slots: readonly Slot[],
  until: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const slot = slots.findLast(({ count, first }) => count > 0 && first <= until)
  return slot && Math.min(until, lastPositionIn(slot))
}
