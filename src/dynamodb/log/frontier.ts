/**
 * Reads the frontier: finds the slots that were taken and have no events yet. It settles none of them and waits for none,
 * unlike the readers of the log.
 */
import type { Frontier } from '../../storage/index.ts'
import { blockOf, firstOfBlock } from '../keys.ts'
import { lastPositionIn, type Slot } from './slot-item.ts'
import { firstMissing, lastEventIn, type SlotReads } from './slot-reads.ts'
import type { Slots } from './slots.ts'

// A look covers the last blocks only: readers settle older slots within `gapTimeout`.
const maxBlocks = 8
const consistently = { consistent: true }

export class FrontierReads {
  readonly #slots: Slots
  readonly #reads: SlotReads
  /** All slots up to this one are settled, as far as this store has looked. */
  #settled = 0
  /** The position up to which they reach. */
  #position = 0
  #last: Frontier['last']
  /** When this store first saw each open slot, by its own monotonic clock. */
  #openSince = new Map<number, number>()

  constructor(slots: Slots, reads: SlotReads) {
    this.#slots = slots
    this.#reads = reads
  }

  /** Takes one request if no slot was taken since the last call. */
  async read(signal?: AbortSignal): Promise<Frontier> {
    const { slot: end, position: head } = await this.#slots.counter(signal)
    const oldest = firstOfBlock(Math.max(0, blockOf(end) - maxBlocks + 1))
    const start = Math.max(this.#settled + 1, oldest)
    const found = start > end ? [] : await this.#reads.read(start, end, consistently, signal)
    this.#noteLast(found)
    const gap = firstMissing(found, start)
    const isOpen = gap <= end
    const position = isOpen
      ? (lastEventIn(found.filter(({ number }) => number < gap)) ?? this.#position)
      : head
    if (gap > this.#settled) {
      this.#settled = gap - 1
      this.#position = Math.max(this.#position, position)
    }
    return { position, head, last: this.#last, writers: this.#writers(found, start, end) }
  }

  #noteLast(found: readonly Slot[]): void {
    const slot = found.findLast(({ count }) => count > 0)
    if (slot === undefined || lastPositionIn(slot) <= (this.#last?.position ?? 0)) return
    this.#last = { position: lastPositionIn(slot), recordedAt: new Date(slot.recordedAt) }
  }

  /** Returns the open slots, the oldest first. */
  #writers(found: readonly Slot[], start: number, end: number): Frontier['writers'] {
    const settled = new Set(found.map(({ number }) => number))
    const now = performance.now()
    const before = this.#openSince
    this.#openSince = new Map()
    for (let slot = start; slot <= end; slot++) {
      if (!settled.has(slot)) this.#openSince.set(slot, before.get(slot) ?? now)
    }
    return [...this.#openSince].map(([slot, since]) => ({ slot, openTime: Math.round(now - since) }))
  }
}
