/** Reads a stream and folds it into a state: the present one, or one of the past. */
import type { CallOptions } from '../call-options.ts'
import { checkDeciderEvents } from '../catalogue/required-events.ts'
import { storedEventsOf } from '../catalogue/stored-slice.ts'
import type { Event } from '../event.ts'
import { optionsOf } from '../input/options.ts'
import type { EventStore } from '../store.ts'
import { checkEvolution, type Evolution, fold } from './fold.ts'
import type { SnapshotOptions, SnapshotSource } from './snapshot-options.ts'
import { StateCache } from './state-cache.ts'
import { StateSnapshots } from './state-snapshots.ts'

/** The options of `foldStream`. */
export interface FoldStreamOptions<State = unknown> extends CallOptions {
  /** Folds events up to this version (inclusive). @default the stream's version */
  readonly toVersion?: number | undefined
  /** Folds events that were recorded at or before this moment (inclusive). @default all */
  readonly asOf?: Date | undefined
  /**
   * Begins with a stored snapshot and reads only the newer events, as a command handler with this option does. States of
   * the past (`toVersion`, `asOf`) are folded from the first event. @default none
   */
  readonly snapshot?: SnapshotOptions<State> | undefined
}

/** The state of a stream. */
export interface FoldedStream<State> {
  readonly state: State
  /** The version of the last event that was folded in; 0: none. */
  readonly version: number
  /** True if the stream was created or appended to. */
  readonly exists: boolean
}

/**
 * Reads a stream and folds it: the present state, the state at a version, or the state at a moment.
 * @throws UndefinedStateError, FoldInPlaceError as `fold` does
 * @throws InvalidInputError if a catalogue has made the decider, and the store does not have its events
 * @throws InvalidInputError if the option `snapshot` is given, and the store keeps no snapshots
 */
export async function foldStream<State, E extends Event>(
  store: SnapshotSource & Partial<Pick<EventStore, 'events'>>,
  streamId: string,
  evolution: Evolution<State, E>,
  options?: FoldStreamOptions<NoInfer<State>>,
): Promise<FoldedStream<State>> {
  checkEvolution(evolution, 'evolution')
  const known = checkDeciderEvents(evolution, store, 'evolution')
  const window = optionsOf(options, ['toVersion', 'asOf', 'signal'])
  const { snapshot } = optionsOf(options, ['snapshot'])
  const upcasts = known?.upcastText(evolution.events?.types) ?? ''
  const snapshots = snapshot === undefined ? undefined : new StateSnapshots<State>(store, upcasts, snapshot)
  if (snapshots === undefined || window.toVersion !== undefined || window.asOf !== undefined) {
    const slice = await store.readStream<E>(streamId, window)
    const version = storedEventsOf(slice).at(-1)?.version ?? 0
    return { state: fold(evolution, slice.events), version, exists: slice.exists }
  }
  const states = new StateCache(store, evolution, 0, snapshots)
  const { present, exists } = await states.load(streamId, window.signal)
  await snapshots.keep(streamId, present)
  return { state: present.state, version: present.version, exists }
}
