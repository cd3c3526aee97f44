/** Remembers facts about any number of slots and positions, with a fixed amount of memory. */
import { createHash } from 'node:crypto'
import { blockOf } from '../keys.ts'
import type { CommitPlace } from './commit-place.ts'

const spans = 65_536

/**
 * Compares two sets of commits: the stored commits, and the commits that slots list. It keeps a checksum of 64 bits for
 * each span of slots. If a checksum is zero, each commit of the span is in both sets.
 */
export class SlotChecksums {
  // Typed arrays wrap around, so that the order of the commits does not matter.
  readonly #low = new Uint32Array(spans)
  readonly #high = new Uint32Array(spans)

  addStored(place: CommitPlace): void {
    this.#add(place, 1)
  }

  addListed(place: CommitPlace): void {
    this.#add(place, -1)
  }

  #add({ slot, firstPosition, lastPosition, first, last, streamId }: CommitPlace, sign: 1 | -1): void {
    const text = `${slot} ${firstPosition} ${lastPosition} ${first} ${last} ${streamId}`
    const hash = createHash('md5').update(text).digest()
    const span = blockOf(slot) % spans
    this.#low[span] = (this.#low[span] as number) + sign * hash.readUInt32LE(0)
    this.#high[span] = (this.#high[span] as number) + sign * hash.readUInt32LE(4)
  }

  /** Whether the two sets may differ in the block of slots. */
  differs(block: number): boolean {
    return this.#low[block % spans] !== 0 || this.#high[block % spans] !== 0
  }

  get differsAnywhere(): boolean {
    return this.#low.some((sum) => sum !== 0) || this.#high.some((sum) => sum !== 0)
  }
}

const marks = 8_388_608
const positionsPerMark = 16

/** Positions without events. It may contain other positions too, and never lacks one that was marked. */
export class EmptyPositions {
  readonly #bits = new Uint8Array(marks / 8)
  /** All positions after this one are empty. */
  #last = 0

  /** Marks the positions from `first` to `last` (inclusive). */
  mark(first: number, last: number): void {
    const from = Math.floor(first / positionsPerMark)
    const to = Math.min(Math.floor(last / positionsPerMark), from + marks - 1)
    for (let at = from; at <= to; at++) {
      const byte = Math.floor((at % marks) / 8)
      this.#bits[byte] = (this.#bits[byte] as number) | (1 << (at % 8))
    }
  }

  /** Marks all positions after the last one that has an event. */
  markAfter(last: number): void {
    this.#last = last
  }

  mayHave(position: number): boolean {
    const at = Math.floor(position / positionsPerMark) % marks
    return position > this.#last || ((this.#bits[Math.floor(at / 8)] as number) & (1 << (at % 8))) !== 0
  }
}
