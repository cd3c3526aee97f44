/** Folds a stream into its states at a version and at the one before. */
import { EventSourcedError, fold, type RecordedEvent } from '@eventsourced/core'
import type { AnyDecider, AnyStore } from '../../target/known.ts'
import type { KeptStates } from './kept-states.ts'

/** A decider has thrown an error of its own. */
export class DeciderFailure extends Error {
  readonly code = 'decider-failed'
  readonly streamId: string
  /** The version of the event that it has failed at; 0: it has no initial state. */
  readonly version: number

  constructor(streamId: string, decider: string, version: number, reason: string) {
    const place = version === 0 ? 'the initial state' : `version ${version} of stream '${streamId}'`
    super(`The decider '${decider}' has failed at ${place}: ${reason}`)
    this.streamId = streamId
    this.version = version
  }

  override get name(): string {
    return 'DeciderFailure'
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
 * @throws DeciderFailure if the decider throws, and the errors of `fold` and `readStream`
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
    const { events } = await store.readStream(streamId, { fromVersion: from, toVersion, signal })
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

/** Folds events onto a state; without one, onto the initial state. */
function folded(query: StatesQuery, events: readonly RecordedEvent[], state?: unknown): unknown {
  let version = 0
  function* noted(): Generator<RecordedEvent, void, undefined> {
    for (const event of events) {
      version = event.version
      yield event
    }
  }
  try {
    return fold(query.decider, noted(), state)
  } catch (error) {
    if (error instanceof EventSourcedError) throw error
    throw new DeciderFailure(query.streamId, query.name, version, query.reasonOf(error))
  }
}
