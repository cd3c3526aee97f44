/** What a command handler knows of streams: loaded, advanced by what comes, and kept for the commands that follow. */
import type { Event, RecordedEvent } from '../event.ts'
import type { EventStore } from '../store.ts'
import { type Evolution, foldOnto } from './fold.ts'

/** The state of a stream at a version. The last event's id tells whether the stream still is what was folded. */
export interface KnownStream<State> {
  readonly state: State
  readonly version: number
  readonly position: number
  readonly lastId: string | undefined
}

export interface LoadedStream<State, E extends Event> {
  readonly present: KnownStream<State>
  readonly exists: boolean
  /** What came after that which was known before. */
  readonly news: readonly RecordedEvent<E>[]
}

export class StateCache<State, E extends Event> {
  readonly #store: Pick<EventStore, 'readStream'>
  readonly #evolution: Evolution<State, E>
  readonly #most: number
  /** The stream that was used last is at the end. */
  readonly #kept = new Map<string, KnownStream<State>>()

  constructor(store: Pick<EventStore, 'readStream'>, evolution: Evolution<State, E>, most: number) {
    this.#store = store
    this.#evolution = evolution
    this.#most = most
  }

  recall(stream: string): KnownStream<State> | undefined {
    const known = this.#kept.get(stream)
    if (known !== undefined) this.#keep(stream, known)
    return known
  }

  forget(stream: string, known: KnownStream<State>): void {
    if (this.#kept.get(stream) === known) this.#kept.delete(stream)
  }

  /** Reads what came after `known`; gives `known` itself if that was nothing. @default everything */
  async load(
    stream: string,
    signal: AbortSignal | undefined,
    known: KnownStream<State> = this.#nothing(),
  ): Promise<LoadedStream<State, E>> {
    const overlap = known.version === 0 ? 0 : 1
    const fromVersion = known.version + 1 - overlap
    const { events, exists } = await this.#store.readStream<E>(stream, { fromVersion, signal })
    // The last known event is read again: if it is another one, the database was set back to an earlier time.
    if (overlap === 1 && events[0]?.id !== known.lastId) {
      this.forget(stream, known)
      return this.load(stream, signal)
    }
    const news = events.slice(overlap)
    return { present: this.advance(stream, known, news), exists, news }
  }

  /** What is known after these events, too. */
  advance(
    stream: string,
    known: KnownStream<State>,
    events: readonly RecordedEvent<E>[],
  ): KnownStream<State> {
    const last = events.at(-1)
    if (last === undefined) return known
    const state = foldOnto(this.#evolution, known.state, events)
    const advanced = { state, version: last.version, position: last.position, lastId: last.id }
    this.#keep(stream, advanced)
    return advanced
  }

  #nothing(): KnownStream<State> {
    return { state: this.#evolution.initialState(), version: 0, position: 0, lastId: undefined }
  }

  #keep(stream: string, known: KnownStream<State>): void {
    const kept = this.#kept.get(stream)
    // Of commands that are handled at once, the one that ends last may be the one that knows least.
    const latest = kept !== undefined && kept.version > known.version ? kept : known
    this.#kept.delete(stream)
    this.#kept.set(stream, latest)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#most) break
      this.#kept.delete(oldest)
    }
  }
}
