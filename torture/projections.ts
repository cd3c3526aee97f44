/** The campaigns' projections: of each stream what is needed to tell that every event counted once, and in order. */
import {
  type DocumentProjection,
  type HandlerTransaction,
  projection,
  type RawProjection,
  type RecordedEvent,
} from '@eventsourced/core'
import { sleep } from '../src/runtime/abort.ts'
import type { StreamState } from './check/evidence.ts'
import { digest, type TracedEvent } from './operation.ts'

/** Streams whose documents change with the append; those by hand, too, are of these alone, as they take long. */
export const inlinePrefix = 'inline-'

export const inlineStates: DocumentProjection<StreamState, TracedEvent> = ofStreams(
  'inline-states',
  inlinePrefix,
)
export const asyncStates: DocumentProjection<StreamState, TracedEvent> = ofStreams('async-states', '')

/** Where `byHand` keeps its documents. */
export const handWrittenStates = 'states-by-hand'

/**
 * The same, written by a handler of the user's own, which takes its time between reading and writing: nothing but its
 * transaction and the lease keeps it from counting twice.
 */
export const byHand: RawProjection<TracedEvent, HandlerTransaction> = projection({
  name: 'by-hand',
  streamPrefix: inlinePrefix,
  async handle(events: readonly RecordedEvent<TracedEvent>[], tx: HandlerTransaction) {
    const documents = tx.documents<StreamState>(handWrittenStates)
    const states = new Map<string, StreamState>()
    // In one order, so that no two of them wait for each other.
    for (const stream of [...new Set(events.map(({ streamId }) => streamId))].sort()) {
      states.set(stream, (await documents.get(stream)) ?? nothing)
    }
    await sleep(Math.random() * 20)
    for (const event of events)
      states.set(event.streamId, advance(states.get(event.streamId) ?? nothing, event))
    for (const [stream, state] of states) await documents.put(stream, state)
  },
})

function ofStreams(name: string, streamPrefix: string): DocumentProjection<StreamState, TracedEvent> {
  return projection({
    name,
    ...(streamPrefix !== '' && { streamPrefix }),
    key: ({ streamId }: RecordedEvent<TracedEvent>) => streamId,
    initialState: () => nothing,
    evolve: advance,
  })
}

const nothing: StreamState = { version: 0, digest: 0, doubled: 0, skipped: 0 }

function advance(state: StreamState, { version, data }: RecordedEvent<TracedEvent>): StreamState {
  if (version <= state.version) return { ...state, doubled: state.doubled + 1 }
  return {
    ...state,
    version,
    digest: digest(state.digest, data.name),
    skipped: state.skipped + version - state.version - 1,
  }
}
