/**
 * The states of streams that a command handler has loaded: reads and folds newer events, and keeps the states of
 * recently used streams, and of those with calls under way.
 */
import { storedEventsOf } from '../catalogue/stored-slice.ts'
import type { Event, RecordedEvent } from '../event.ts'
import type { EventStore } from '../store.ts'
import { type Evolution, foldOnto, initialStateOf } from './fold.ts'
import type { KnownSnapshot, KnownStream } from './known-stream.ts'
import type { StateSnapshots } from './state-snapshots.ts'

export interface LoadedStream<State, E extends Event> {
  readonly present: KnownStream<State>
  readonly exists: boolean
  /** Where the load began: at the first event of the stream, at a snapshot, or at the state that was known before. */
  readonly from: 'start' | 'snapshot' | 'known'
  /** The events that were read, as they are today. */
  readonly events: readonly RecordedEvent<E>[]
  /** The same events as they are stored. */
  readonly stored: readonly RecordedEvent[]
}

interface InUse<State> {
  calls: number
  known: KnownStream<State> | undefined
}

export class StateCache<State, E extends Event> {
  readonly #store: Pick<EventStore, 'readStream'>
  readonly #evolution: Evolution<State, E>
  readonly #maxStreams: number
  readonly #snapshots: StateSnapshots<State> | undefined
  /** Ordered by last use: the most recently used stream is at the end. */
  readonly #kept = new Map<string, KnownStream<State>>()
  /** The streams with calls under way. A call that follows another one begins with its state, also without a cache. */
  readonly #inUse = new Map<string, InUse<State>>()

  /** `snapshots`: where the load of an unknown stream begins. @default at the first event */
  constructor(
    store: Pick<EventStore, 'readStream'>,
    evolution: Evolution<State, E>,
    maxStreams: number,
    snapshots?: StateSnapshots<State>,
  ) {
    this.#store = store
    this.#evolution = evolution
    this.#maxStreams = maxStreams
    this.#snapshots = snapshots
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

  /** Loads the present state: from `known` on, or else from a snapshot, or else from the first event. */
  async load(
    stream: string,
    signal: AbortSignal | undefined,
    known?: KnownStream<State>,
  ): Promise<LoadedStream<State, E>> {
    if (known === undefined || known.version === 0) return this.#loadUnknown(stream, signal)
    const loaded = await this.#loadSince(stream, signal, known, 'known')
    if (loaded !== undefined) return loaded
    this.forget(stream, known)
    return this.#loadUnknown(stream, signal)
  }

  /** Loads the present state from all events. `snapshot`: what is known about the stored snapshot of the stream. */
  async loadWhole(
    stream: string,
    signal: AbortSignal | undefined,
    snapshot: KnownSnapshot = { at: 0, wrong: undefined },
  ): Promise<LoadedStream<State, E>> {
    const slice = await this.#store.readStream<E>(stream, { signal })
    const stored = storedEventsOf(slice)
    const present = this.#folded(stream, this.#emptyStream(snapshot), slice.events, stored.at(-1))
    return { present, exists: slice.exists, from: 'start', events: slice.events, stored }
  }

  /**
   * Reads the snapshot and the last events of the stream in parallel: so many events that the last event of a snapshot that
   * is not overdue is among them. If the stream has no other events, no snapshot is needed.
   */
  async #loadUnknown(stream: string, signal: AbortSignal | undefined): Promise<LoadedStream<State, E>> {
    const snapshots = this.#snapshots
    if (snapshots === undefined) return this.loadWhole(stream, signal)
    const limit = Math.min(Math.ceil(snapshots.every * 1.25) + 1, Number.MAX_SAFE_INTEGER)
    const [found, slice] = await Promise.all([
      snapshots.read(stream, signal),
      this.#store.readStream<E>(stream, { direction: 'backward', limit, signal }),
    ])
    const stored = storedEventsOf(slice).toReversed()
    const events = slice.events.toReversed()
    const { exists } = slice
    const usable = found?.usable
    const first = stored[0]?.version ?? 1
    const sameVersion = usable && stored[usable.version - first]
    // The snapshot is older than these events, or a command that came between the two reads has written it.
    if (usable !== undefined && sameVersion === undefined) {
      const loaded = await this.#loadSince(stream, signal, usable, 'snapshot')
      return loaded ?? this.loadWhole(stream, signal, { at: 0, wrong: usable.version })
    }
    const isRight = usable !== undefined && sameVersion?.id === usable.lastId
    if (first === 1) {
      const snapshot = isRight ? usable.snapshot : { at: 0, wrong: found?.version }
      const present = this.#folded(stream, this.#emptyStream(snapshot), events, stored.at(-1))
      return { present, exists, from: 'start', events, stored }
    }
    if (!isRight) return this.loadWhole(stream, signal, { at: 0, wrong: found?.version })
    const news = events.filter(({ version }) => version > usable.version)
    const present = this.#folded(stream, usable, news, stored.at(-1))
    return { present, exists, from: 'snapshot', events, stored }
  }

  /**
   * Reads the events after a state and folds them in. `present` is the state itself if there are none. Returns undefined if
   * the stream has another event in place of the last known one: the database was reset to an earlier state, and the state
   * is worthless.
   */
  async #loadSince(
    stream: string,
    signal: AbortSignal | undefined,
    known: KnownStream<State>,
    from: 'known' | 'snapshot',
  ): Promise<LoadedStream<State, E> | undefined> {
    const slice = await this.#store.readStream<E>(stream, { fromVersion: known.version, signal })
    const [last, ...stored] = storedEventsOf(slice)
    if (last?.id !== known.lastId) return undefined
    const events = slice.events.filter(({ version }) => version > known.version)
    const present = this.#folded(stream, known, events, stored.at(-1))
    return { present, exists: slice.exists, from, events, stored }
  }

  /** Folds appended events onto a known state, keeps the result, and returns it. */
  advance(
    stream: string,
    known: KnownStream<State>,
    events: readonly RecordedEvent<E>[],
  ): KnownStream<State> {
    return this.#folded(stream, known, events, events.at(-1))
  }

  /** `last`: the last stored event of these. */
  #folded(
    stream: string,
    known: KnownStream<State>,
    events: readonly RecordedEvent<E>[],
    last: RecordedEvent | undefined,
  ): KnownStream<State> {
    if (last === undefined) return known
    const state = foldOnto(this.#evolution, known.state, events)
    const { version, position, id } = last
    const advanced = { state, version, position, lastId: id, snapshot: known.snapshot }
    this.#keep(stream, advanced)
    return advanced
  }

  #latest(stream: string): KnownStream<State> | undefined {
    return this.#inUse.get(stream)?.known ?? this.#kept.get(stream)
  }

  #emptyStream(snapshot: KnownSnapshot): KnownStream<State> {
    const state = initialStateOf(this.#evolution)
    return { state, version: 0, position: 0, lastId: undefined, snapshot }
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
