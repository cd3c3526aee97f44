/**
 * Which documents the newest events have changed: a contiguous part of the log, as positions and keys. A watch that resumes
 * finds here what it has missed, so that ten thousand watches that resume together read the log once.
 */
const mostKeys = 10_000

/** An event of the log, and the documents that it changes. */
export interface KeyedPosition {
  readonly position: number
  readonly keys: readonly string[]
}

export class RecentChanges {
  /** It has all changes after this position (exclusive). */
  after: number
  #changes: KeyedPosition[] = []
  /** One event may change thousands of documents, so it counts keys. */
  #keys = 0

  constructor(after: number) {
    this.after = after
  }

  /** Whether earlier changes still fit. */
  get hasRoom(): boolean {
    return this.#keys < mostKeys
  }

  /** Adds the next changes, and forgets the oldest ones if they have too many keys. */
  add(changes: readonly KeyedPosition[]): void {
    for (const change of changes) {
      this.#changes.push(change)
      this.#keys += change.keys.length
    }
    let surplus = 0
    for (; this.#keys > mostKeys; surplus++) {
      const { position, keys } = this.#changes[surplus] as KeyedPosition
      this.#keys -= keys.length
      this.after = position
    }
    if (surplus > 0) this.#changes = this.#changes.slice(surplus)
  }

  /** Adds all changes between `after` (exclusive) and its own beginning. */
  prepend(changes: readonly KeyedPosition[], after: number): void {
    this.#changes = [...changes, ...this.#changes]
    for (const { keys } of changes) this.#keys += keys.length
    this.after = after
  }

  /** Returns the keys that have changed after a position (exclusive), each with the position of its last change. */
  keysAfter(after: number, isWanted: (key: string) => boolean): Map<string, number> {
    const found = new Map<string, number>()
    for (const { position, keys } of this.#changes) {
      if (position <= after) continue
      for (const key of keys) {
        if (!isWanted(key)) continue
        found.delete(key)
        found.set(key, position)
      }
    }
    return found
  }
}
