/** Remembers the ids of streams by their keys, so that pages of the log need not repeat them. */

/**
 * Ids by keys of one origin. A full memory forgets the oldest entry. Ordering entries by their last use would cost time
 * at each event and save little: a reader of the log needs a stream again soon, or only much later.
 */
export class StreamNames {
  /** Identifies the server and the table to which the keys belong: see `keys_origin.sql`. */
  readonly origin: string
  readonly #capacity: number
  readonly #names = new Map<number, string>()
  /** A ring of the keys, in the order in which they came. The map would find its first key slowly after deletions. */
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
