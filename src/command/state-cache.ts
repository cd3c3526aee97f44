/**
 * The states of streams that a command handler has loaded: reads and folds newer events, and keeps the states of
 * recently used streams, and of those with calls under way.
 */
import type { Event, RecordedEvent } from '../event.ts'
import type { EventStore } from '../store.ts'
import { type Evolution, foldOnto, initialStateOf } from './fold.ts'

/** The state of a stream at a version. The id of the last event shows whether a stream still has the folded events. */
export interface KnownStream<State> {
  readonly state: State
  readonly version: number
  readonly position: number
  readonly lastId: string | undefined
}

export interface LoadedStream<State, E extends Event> {
  readonly present: KnownStream<State>
  readonly exists: boolean
  /** The events after the version that was known before the load. */
  readonly news: readonly RecordedEvent<E>[]
}

interface InUse<State> {
  calls: number
  known: KnownStream<State> | undefined
}

export class StateCache<State, E extends Event> {
  readonly #store: Pick<EventStore, 'readStream'>
  readonly #evolution: Evolution<State, E>
  readonly #maxStreams: number
  /** Ordered by last use: the most recently used stream is at the end. */
  readonly #kept = new Map<string, KnownStream<State>>()
  /** The streams with calls under way. A call that follows another one begins with its state, also without a cache. */
  readonly #inUse = new Map<string, InUse<State>>()

  constructor(store: Pick<EventStore, 'readStream'>, evolution: Evolution<State, E>, maxStreams: number) {
    this.#store = store
    this.#evolution = evolution
    this.#maxStreams = maxStreams
  }

  /** Keeps the state of a stream while a call on it is under way. */
  async duringCall<T>(stream: string, call: () => Promise<T>): Promise<T> {
    const inUse = this.#inUse.get(stream) ?? { calls: 0, known: undefined }
    inUse.calls++
    this.#inUse.set(stream, inUse)
    try {
      return await call()
    } finally {
      if (--inUse.calls === 0) this.#inUse.delete(stream)
    }
  }

  /** Returns the kept state of a stream, and marks it as the most recently used one. */
  recall(stream: string): KnownStream<State> | undefined {
    const known = this.#latest(stream)
    if (known !== undefined) this.#keep(stream, known)
    return known
  }

  /** Removes the kept state of a stream, unless another call has replaced it. */
  forget(stream: string, known: KnownStream<State>): void {
    if (this.#kept.get(stream) === known) this.#kept.delete(stream)
    const inUse = this.#inUse.get(stream)
    if (inUse?.known === known) inUse.known = undefined
  }

  /**
   * Reads the events after `known`, or the whole stream without it, and folds them in. `present` is `known` itself if
   * there are none.
   */
  async load(
    stream: string,
    signal: AbortSignal | undefined,
    known: KnownStream<State> = this.#emptyStream(),
  ): Promise<LoadedStream<State, E>> {
    const overlap = known.version === 0 ? 0 : 1
    const fromVersion = known.version + 1 - overlap
    const { events, exists } = await this.#store.readStream<E>(stream, { fromVersion, signal })
    // The read repeats the last known event. If another event has its version now, the database was reset to an earlier
    // state, and the known state is worthless.
    if (overlap === 1 && events[0]?.id !== known.lastId) {
      this.forget(stream, known)
      return this.load(stream, signal)
    }
    const news = events.slice(overlap)
    return { present: this.advance(stream, known, news), exists, news }
  }

  /** Folds events onto a known state, keeps the result, and returns it. */
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

  #latest(stream: string): KnownStream<State> | undefined {
    return this.#inUse.get(stream)?.known ?? this.#kept.get(stream)
  }

  #emptyStream(): KnownStream<State> {
    return { state: initialStateOf(this.#evolution), version: 0, position: 0, lastId: undefined }
  }

  #keep(stream: string, known: KnownStream<State>): void {
    const kept = this.#latest(stream)
    // Commands on one stream may run concurrently, and the last one to end may know an older version.
    const latest = kept !== undefined && kept.version > known.version ? kept : known
    const inUse = this.#inUse.get(stream)
    if (inUse !== undefined) inUse.known = latest
    this.#kept.delete(stream)
    this.#kept.set(stream, latest)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#maxStreams) break
      this.#kept.delete(oldest)
    }
  }
}
