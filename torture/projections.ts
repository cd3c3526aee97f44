/** The projections of a campaign. The document of a stream shows whether each event counted once, and in order. */
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
import { isNoted, presentTrace } from './releases.ts'

/** The prefix of streams with an inline document. The raw projection, which is slow, also handles only these streams. */
export const inlinePrefix = 'inline-'

export const inlineStates: DocumentProjection<StreamState, TracedEvent> = ofStreams(
  'inline-states',
  inlinePrefix,
)
export const asyncStates: DocumentProjection<StreamState, TracedEvent> = ofStreams('async-states', '')

/** The collection of the documents that `rawProjection` writes. */
export const rawStates = 'raw-states'

/**
 * Keeps the same documents with a raw handler, which waits between reading and writing. So only its transaction and its
 * lease keep it from counting an event twice.
 */
export const rawProjection: RawProjection<TracedEvent, HandlerTransaction> = projection({
  name: 'raw',
  streamPrefix: inlinePrefix,
  async handle(events: readonly RecordedEvent<TracedEvent>[], tx: HandlerTransaction) {
    const documents = tx.documents<StreamState>(rawStates)
    const states = new Map<string, StreamState>()
    // Sorted, so that two handlers lock documents in the same order and cannot deadlock.
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

const nothing: StreamState = { version: 0, digest: 0, doubled: 0, skipped: 0, noted: 0 }

function advance(state: StreamState, event: RecordedEvent<TracedEvent>): StreamState {
  const { version } = event
  const data = presentTrace(event.data)
  if (isNoted(event)) {
    const isNext = version === state.version
    return isNext ? { ...state, noted: (state.noted ?? 0) + 1 } : { ...state, skipped: state.skipped + 1 }
  }
  if (version <= state.version) return { ...state, doubled: state.doubled + 1 }
  return {
    ...state,
    version,
    digest: digest(state.digest, data.name),
    skipped: state.skipped + version - state.version - 1,
  }
}
