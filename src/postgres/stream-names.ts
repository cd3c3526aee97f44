/** Remembers the ids of streams by their keys, so that pages of the log need not repeat them. */

/**
 * Ids by keys, as one database has assigned them. A full memory forgets the oldest entry. To order entries by their last
 * use would cost more at each event, and saves little: a reader of the log needs a stream again soon, or not for long.
 */
export class StreamNames {
  /** Identifies what has assigned the keys: see `keys_origin.sql`. */
  readonly origin: string
  readonly #capacity: number
  readonly #names = new Map<number, string>()
  /** The keys in the order in which they came. To find the oldest one in the map takes long once many were deleted. */
  readonly #keys: number[] = []
  #oldest = 0
  /** How many pages in a row had only streams whose names were known. */
  #knownPages = 0

  constructor(origin: string, capacity: number) {
    this.origin = origin
    this.#capacity = capacity
  }

  /**
   * Whether the next page will probably have only streams whose names are known. If it has others, the reader needs a
   * second statement, which takes longer than ten short pages save without names.
   */
  get areProbablyKnown(): boolean {
    return this.#knownPages > 10
  }

  /** Must be called for each page. `areKnown`: whether all names were known before. */
  notePage(areKnown: boolean): void {
    this.#knownPages = areKnown ? this.#knownPages + 1 : 0
  }

  get(key: number): string | undefined {
    return this.#names.get(key)
  }

  set(key: number, name: string): void {
    if (this.#names.has(key)) return
    if (this.#keys.length < this.#capacity) {
      this.#keys.push(key)
    } else {
      this.#names.delete(this.#keys[this.#oldest] as number)
      this.#keys[this.#oldest] = key
      this.#oldest = (this.#oldest + 1) % this.#capacity
    }
    this.#names.set(key, name)
  }
}
