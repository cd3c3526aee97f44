/**
 * Finds slots by position or by time. Positions rise with the slots, so a binary search over the blocks finds the slot of a
 * position. It begins at the end of the log: most readers are near it. A read that has just ended needs no search, because
 * this process remembers the slot where each of its last pages ended.
 */
import { blockOf, firstOfBlock, lastOfBlock } from '../keys.ts'
import type { Slot } from './slot-item.ts'
import { firstMissing, type SlotReads } from './slot-reads.ts'
import type { Slots } from './slots.ts'

// How many page ends are remembered, and how many of them with the slots that follow.
const maxEnds = 1_000
const maxKept = 4
const eventually = { consistent: false }

/** Where the log continues after a position. */
export interface Continuation {
  /** No earlier slot has an event after the position. */
  readonly slot: number
  /** Slots from `slot` on, without a gap, that a page has read and not used. */
  readonly slots: readonly Slot[]
}

export class SlotSearch {
  readonly #slots: Slots
  readonly #reads: SlotReads
  /** Where the log continues, by position: the last page that ended at a position comes last. */
  readonly #ends = new Map<number, Continuation>([[0, { slot: 1, slots: [] }]])
  /** The positions whose slots are kept, the oldest first. */
  #kept: readonly number[] = []

  constructor(slots: Slots, reads: SlotReads) {
    this.#slots = slots
    this.#reads = reads
  }

  /** Remembers where the log continues after the end of a page. */
  remember(position: number, continuation: Continuation): void {
    const before = this.#ends.get(position)
    this.#ends.delete(position)
    // Sealed slots lie between the two. No event can appear there.
    const isFurther = before !== undefined && before.slot > continuation.slot
    const end = isFurther ? before : continuation
    this.#ends.set(position, end)
    if (end.slots.length > 0) this.#keep(position)
    if (this.#ends.size <= maxEnds) return
    for (const oldest of this.#ends.keys()) {
      if (oldest === 0) continue
      this.#ends.delete(oldest)
      return
    }
  }

  #keep(position: number): void {
    this.#kept = [...this.#kept.filter((other) => other !== position), position]
    const surplus = Math.max(0, this.#kept.length - maxKept)
    for (const oldest of this.#kept.slice(0, surplus)) this.#dropSlots(oldest)
    this.#kept = this.#kept.slice(surplus)
  }

  #dropSlots(position: number): void {
    const end = this.#ends.get(position)
    if (end !== undefined) this.#ends.set(position, { slot: end.slot, slots: [] })
  }

  /**
   * Returns where the log continues after a position. Each caller must get its own events, so the slots are returned once
   * only.
   */
  async after(position: number, signal: AbortSignal | undefined): Promise<Continuation> {
    const end = this.#ends.get(position)
    if (end === undefined) {
      return { slot: await this.#firstSlot(({ first }) => first <= position, signal), slots: [] }
    }
    if (end.slots.length > 0) this.#dropSlots(position)
    return end
  }

  /** Returns a slot such that every slot before it was written before the time, in milliseconds since 1970. */
  writtenAfter(time: number, signal: AbortSignal | undefined): Promise<number> {
    return this.#firstSlot(({ writtenAt }) => writtenAt < time, signal)
  }

  /** Returns a slot such that no slot after it begins at or before the position. `last`: the last slot that was taken. */
  async lastSlotFor(position: number, last: number, signal: AbortSignal | undefined): Promise<number> {
    if (last === 0) return 0
    // A block without used slots may be followed by one with the position.
    const isBefore = (slot: Slot | undefined) => slot === undefined || slot.first <= position
    return Math.min(last, lastOfBlock(await this.#lastBlock(isBefore, last, signal)))
  }

  /** Returns a slot such that the condition holds for every slot before it. */
  async #firstSlot(isBefore: (slot: Slot) => boolean, signal: AbortSignal | undefined): Promise<number> {
    const { slot: last } = await this.#slots.counter(signal, eventually)
    const isKnownBefore = (slot: Slot | undefined) => slot !== undefined && isBefore(slot)
    return firstOfBlock(await this.#lastBlock(isKnownBefore, last, signal))
  }

  /**
   * Returns the last block whose first used slot meets the condition; block 0 if there is none. The condition must hold for
   * all slots up to some slot, and for none after it. A block without used slots, or with a missing slot before them, shows
   * no slot: the condition then gets `undefined`, and decides on which side of the block the search continues.
   */
  async #lastBlock(
    isBefore: (slot: Slot | undefined) => boolean,
    last: number,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const meets = async (block: number) => isBefore(await this.#firstUsedSlot(block, last, signal))
    let high = blockOf(last)
    let low = high
    for (let step = 1; low > 0 && !(await meets(low)); step *= 2) {
      high = low - 1
      low = Math.max(0, low - step)
    }
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (await meets(middle)) low = middle
      else high = middle - 1
    }
    return low
  }

  async #firstUsedSlot(
    block: number,
    last: number,
    signal: AbortSignal | undefined,
  ): Promise<Slot | undefined> {
    const start = firstOfBlock(block)
    const [slot] = await this.#reads.read(start, start, eventually, signal)
    if (slot !== undefined && slot.count > 0) return slot
    const found = await this.#reads.read(start, Math.min(last, lastOfBlock(block)), eventually, signal)
    // A missing slot may contain events before those of the slots after it.
    return found.slice(0, firstMissing(found, start) - start).find(({ count }) => count > 0)
  }
}
