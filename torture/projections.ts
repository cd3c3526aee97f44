/** The campaigns' projections: of each stream what is needed to tell that every event counted once, and in order. */
import { type DocumentProjection, projection, type RecordedEvent } from '@eventsourced/core'
import type { StreamState } from './check/evidence.ts'
import { digest, type TracedEvent } from './operation.ts'

/** Streams whose documents change with the append. */
export const inlinePrefix = 'inline-'

export const inlineStates: DocumentProjection<StreamState, TracedEvent> = ofStreams(
  'inline-states',
  inlinePrefix,
)
export const asyncStates: DocumentProjection<StreamState, TracedEvent> = ofStreams('async-states', '')

function ofStreams(name: string, streamPrefix: string): DocumentProjection<StreamState, TracedEvent> {
  return projection({
    name,
    ...(streamPrefix !== '' && { streamPrefix }),
    key: ({ streamId }: RecordedEvent<TracedEvent>) => streamId,
    initialState: (): StreamState => ({ version: 0, digest: 0, doubled: 0, skipped: 0 }),
    evolve(state, { version, data }) {
      if (version <= state.version) return { ...state, doubled: state.doubled + 1 }
      return {
        ...state,
        version,
        digest: digest(state.digest, data.name),
        skipped: state.skipped + version - state.version - 1,
      }
    },
  })
}
