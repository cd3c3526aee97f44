/**
 * Settles slots: waits for a slot that was taken and is missing, and seals it after `gapTimeout`. Then no event can appear
 * there any more. The timeout decides when readers continue, never whether they miss an event. No clock of another machine
 * counts.
 */
import { sleep } from '../../storage/index.ts'
import { slotKey, type Tables } from '../keys.ts'
import type { Connection } from '../requests/connection.ts'
import type { Slot } from './slot-item.ts'
import { firstMissing, type SlotReads } from './slot-reads.ts'
import type { Slots } from './slots.ts'

const shortestPoll = 2
const longestPoll = 50
const consistently = { consistent: true }

export interface GapsParts {
  readonly connection: Connection
  readonly tables: Tables
  readonly slots: Slots
  readonly reads: SlotReads
  /** In milliseconds. */
  readonly gapTimeout: number
}

export class Gaps {
  readonly #parts: GapsParts
  /** When this process first saw each missing slot as missing, by its own monotonic clock. */
  readonly #missingSince = new Map<number, number>()

  constructor(parts: GapsParts) {
    this.#parts = parts
  }

  /**
   * Returns the settled slots from `start` up to the first missing one, or to `end` (inclusive). `found`: what an
   * eventually consistent read has found; it may lack slots that are settled.
   */
  async upToGap(
    found: readonly Slot[],
    start: number,
    end: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly Slot[]> {
    const gap = firstMissing(found, start)
    if (gap > end) {
      this.#noteSettled(start, end)
      return found
    }
    const again = await this.#parts.reads.read(gap, end, consistently, signal)
    const realGap = firstMissing(again, gap)
    this.#noteSettled(start, realGap - 1)
    this.#noteMissing(again, realGap, end)
    return [...found.slice(0, gap - start), ...again.slice(0, realGap - gap)]
  }

  /** Returns all slots from `start` to `end` (inclusive), once all of them are settled. */
  async settled(start: number, end: number, signal: AbortSignal | undefined): Promise<readonly Slot[]> {
    const settled: Slot[] = []
    for (let slot = start; ; ) {
      const found = await this.#parts.reads.read(slot, end, consistently, signal)
      const gap = firstMissing(found, slot)
      settled.push(...found.slice(0, gap - slot))
      this.#noteSettled(slot, gap - 1)
      if (gap > end) return settled
      this.#noteMissing(found, gap, end)
      await this.settle(gap, signal)
      slot = gap
    }
  }

  #noteSettled(start: number, end: number): void {
    if (this.#missingSince.size === 0) return
    for (let slot = start; slot <= end; slot++) this.#missingSince.delete(slot)
  }

  /** Starts the timeout of all missing slots at once, so that it does not run for one after the other. */
  #noteMissing(found: readonly Slot[], start: number, end: number): void {
    const there = new Set(found.map(({ number }) => number))
    const now = performance.now()
    for (let slot = start; slot <= end; slot++) {
      if (!there.has(slot) && !this.#missingSince.has(slot)) this.#missingSince.set(slot, now)
    }
  }

  /** Resolves once a slot that was taken is used or sealed. Seals it after `gapTimeout`. */
  async settle(slot: number, signal: AbortSignal | undefined): Promise<void> {
    const { connection, tables, slots, reads, gapTimeout } = this.#parts
    const since = this.#missingSince.get(slot) ?? performance.now()
    this.#missingSince.set(slot, since)
    for (
      let poll = shortestPoll;
      performance.now() - since < gapTimeout;
      poll = Math.min(poll * 2, longestPoll)
    ) {
      await sleep(poll, signal)
      if ((await reads.read(slot, slot, consistently, signal)).length === 0) continue
      this.#missingSince.delete(slot)
      return
    }
    if (await slots.seal(slot, signal)) {
      const subject = { doing: '', table: tables.log, key: slotKey(slot).p.S }
      connection.report('seal', subject, `slot ${slot} was not used in ${gapTimeout} ms`, 1)
    }
    this.#missingSince.delete(slot)
  }
}
