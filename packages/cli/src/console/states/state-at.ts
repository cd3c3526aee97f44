/** Folds a stream into its states at a version and at the one before. */
import {
  fold,
  hasCode,
  type ReadStreamOptions,
  type RecordedEvent,
  type StreamSlice,
} from '@eventsourced/core'
import type { AnyDecider, AnyStore } from '../../target/known.ts'
import { Refusal } from '../refusal.ts'
import type { KeptStates } from './kept-states.ts'

/** A stream cannot be folded: the catalogue cannot read an event, or the decider throws. */
export class FoldFailure extends Refusal {
  constructor(code: 'unreadable-event' | 'decider-failed', detail: string) {
    super(422, code, 'The stream cannot be folded', detail)
  }

  override get name(): string {
    return 'FoldFailure'
  }
}

export interface StatesQuery {
  readonly streamId: string
  readonly version: number
  readonly decider: AnyDecider
  /** The name of the decider. */
  readonly name: string
  readonly signal: AbortSignal
  /** What is shown of an error that the decider throws. */
  readonly reasonOf: (error: unknown) => string
}

const eventsPerRead = 1_000

/**
 * Folds the events up to a version, from the last state that is kept. Calls `show` twice, with the state one version before
 * and with the state of the version. The second call may get the same object, changed: `show` must copy what it needs.
 * @throws FoldFailure if the decider throws, or an event cannot be read; and the errors of `readStream`
 */
export async function statesAt<Shown>(
  store: AnyStore,
  kept: KeptStates,
  query: StatesQuery,
  show: (state: unknown) => Shown,
): Promise<{ readonly previous: Shown; readonly state: Shown }> {
  const { streamId, version, name, signal } = query
  const start = kept.before(streamId, name, version - 1)
  let current = start === undefined ? folded(query, []) : start.state
  let previous: { readonly shown: Shown } | undefined
  for (let from = start?.version ?? 1; from <= version; from += eventsPerRead) {
    const toVersion = Math.min(version, from + eventsPerRead - 1)
    const { events } = await readEvents(store, streamId, { fromVersion: from, toVersion, signal })
    if (start !== undefined && from === start.version && !events.some(({ id }) => id === start.eventId)) {
      // The log has lost its end, and the stream has other events: no kept state of it is right.
      kept.forget(streamId, name)
      return statesAt(store, kept, query, show)
    }
    let waiting: RecordedEvent[] = []
    for (const [index, event] of events.entries()) {
      if (event.version === start?.version) continue
      if (event.version === version && previous === undefined) {
        current = folded(query, waiting, current)
        waiting = []
        previous = { shown: show(current) }
      }
      waiting.push(event)
      // All events that the catalogue makes of one stored event have its version.
      const isWhole = events[index + 1]?.version !== event.version
      if (!isWhole || event.version >= version || !kept.isWanted(streamId, name, event.version)) continue
      current = folded(query, waiting, current)
      waiting = []
      kept.keep(streamId, name, { version: event.version, eventId: event.id, state: current })
    }
    current = folded(query, waiting, current)
  }
  const shown = show(current)
  return { previous: previous === undefined ? shown : previous.shown, state: shown }
}

/** Reads events with the catalogue. The text of an upcast's error may have data, so the answer has only its reason. */
async function readEvents(store: AnyStore, streamId: string, range: ReadStreamOptions): Promise<StreamSlice> {
  try {
    return await store.readStream(streamId, range)
  } catch (error) {
    if (!hasCode(error, 'unreadable-event')) throw error
    const { type, version, reason } = error
    const detail = `Version ${version} of stream '${streamId}' cannot be read as an event of today (${reason}): it is stored as '${type}'`
    throw new FoldFailure('unreadable-event', detail)
  }
}

/** Folds events onto a state; without one, onto the initial state. */
function folded(query: StatesQuery, events: readonly RecordedEvent[], state?: unknown): unknown {
  const { decider, streamId, name, reasonOf } = query
  let version = 0
  function* noted(): Generator<RecordedEvent, void, undefined> {
    for (const event of events) {
      version = event.version
      yield event
    }
  }
  try {
    return fold(decider, noted(), state)
  } catch (error) {
    const place = version === 0 ? 'its initial state' : `version ${version} of stream '${streamId}'`
    throw new FoldFailure(
      'decider-failed',
      `The decider '${name}' has failed at ${place}: ${reasonOf(error)}`,
    )
  }
}
