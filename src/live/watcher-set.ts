/** The watchers of a projection, by the keys and the prefixes that they watch. */
import type { Watcher } from './watcher.ts'

export class WatcherSet {
  readonly #all = new Set<Watcher>()
  readonly #byKey = new Map<string, Set<Watcher>>()
  readonly #byPrefix = new Map<string, Set<Watcher>>()

  get size(): number {
    return this.#all.size
  }

  [Symbol.iterator](): Iterator<Watcher> {
    return this.#all[Symbol.iterator]()
  }

  add(watcher: Watcher): void {
    this.#all.add(watcher)
    const index = this.#indexOf(watcher)
    const { text } = watcher.scope
    const same = index.get(text)
    if (same === undefined) index.set(text, new Set([watcher]))
    else same.add(watcher)
  }

  remove(watcher: Watcher): void {
    this.#all.delete(watcher)
    const index = this.#indexOf(watcher)
    const { text } = watcher.scope
    const same = index.get(text)
    same?.delete(watcher)
    if (same?.size === 0) index.delete(text)
  }

  has(key: string): boolean {
    return !this.of(key).next().done
  }

  /** The watchers that want a document. */
  *of(key: string): Generator<Watcher, void, undefined> {
    yield* this.#byKey.get(key) ?? []
    for (const [prefix, watchers] of this.#byPrefix) if (key.startsWith(prefix)) yield* watchers
  }

  #indexOf({ scope }: Watcher): Map<string, Set<Watcher>> {
    return scope.kind === 'key' ? this.#byKey : this.#byPrefix
  }
}
