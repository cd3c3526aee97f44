/** Remembers the hashes of recent stream ids: an MD5 takes a microsecond, a lookup in a map a twentieth of it. */
import { streamHash } from '../storage/partition.ts'

// The number of ids in each of two generations. With ids of 50 characters, both take about 4 MB.
const idsPerGeneration = 20_000

export class StreamHashes {
  #young = new Map<string, number>()
  #old = new Map<string, number>()

  /** Returns what `partitionOf` (storage/partition.ts) returns. */
  partitionOf(streamId: string, count: number): number {
    return this.#hashOf(streamId) % count
  }

  #hashOf(streamId: string): number {
    const known = this.#young.get(streamId)
    if (known !== undefined) return known
    const hash = this.#old.get(streamId) ?? streamHash(streamId)
    // Deleting single entries would slow the map down. So the older half is dropped at once.
    if (this.#young.size >= idsPerGeneration) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(streamId, hash)
    return hash
  }
}
