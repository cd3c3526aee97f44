/** The calls of a store as its observer sees them. The engine calls these functions only if the store has an observer. */
import { hasCode } from '../errors/index.ts'
import type { AppendMetric } from '../observe/metric.ts'
import type { Ended, Observation } from '../observe/observation.ts'
import type { BuildOperation } from '../observe/operation.ts'
import { type AnyDocumentProjection, checkDocumentProjection } from '../projection/projection.ts'
import type { StreamSlice } from '../reads.ts'
import type { ImportOutcome, PreparedAppend, PreparedImport } from '../storage/storage.ts'
import type { AppendResult } from '../store.ts'

/** `isInjected`: whether the events already have the injected metadata. */
export function observeAppend(
  observation: Observation,
  appends: readonly PreparedAppend[],
  isInjected: boolean,
  write: (appends: readonly PreparedAppend[]) => Promise<readonly AppendResult[]>,
): Promise<readonly AppendResult[]> {
  const streamIds = appends.map(({ streamId }) => streamId)
  const events = appends.reduce((sum, append) => sum + append.events.length, 0)
  return observation.run(
    { name: 'append', streamIds, events },
    // Inside the span: the metadata names the span of this append.
    () => write(isInjected ? appends : injectedInto(appends, observation)),
    (ended, duration) => {
      const outcome = outcomeOf(ended, (results) => results.every(({ deduplicated }) => deduplicated))
      return { kind: 'append', events, streams: streamIds.length, duration, outcome }
    },
  )
}

export function observeImport(
  observation: Observation,
  batch: readonly PreparedImport[],
  write: () => Promise<ImportOutcome>,
): Promise<ImportOutcome> {
  const streamIds = [...new Set(batch.map(({ streamId }) => streamId))]
  const events = batch.length
  return observation.run({ name: 'append', streamIds, events }, write, (ended, duration) => {
    const isRefused = 'result' in ended && ended.result.kind !== 'imported'
    const outcome = isRefused
      ? 'failed'
      : outcomeOf(ended, (result) => result.kind === 'imported' && result.imported === 0)
    return { kind: 'append', events, streams: streamIds.length, duration, outcome }
  })
}

export function observeRead(
  observation: Observation,
  streamId: string,
  read: () => Promise<StreamSlice>,
): Promise<StreamSlice> {
  return observation.run({ name: 'read', streamId }, read, (ended, duration) =>
    'result' in ended
      ? { kind: 'read', events: ended.result.events.length, duration, outcome: 'read' }
      : { kind: 'read', events: 0, duration, outcome: 'failed' },
  )
}

/** @throws InvalidInputError if the projection is none */
export function observeBuild<T>(
  observation: Observation | undefined,
  name: BuildOperation['name'],
  projection: AnyDocumentProjection,
  build: () => Promise<T>,
): Promise<T> {
  if (observation?.around === undefined) return build()
  checkDocumentProjection(projection)
  return observation.around({ name, projection: projection.name }, build)
}

function outcomeOf<T>(ended: Ended<T>, isRepeat: (result: T) => boolean): AppendMetric['outcome'] {
  if ('result' in ended) return isRepeat(ended.result) ? 'repeated' : 'appended'
  return hasCode(ended.error, 'wrong-expected-version') ? 'conflict' : 'failed'
}

function injectedInto(
  appends: readonly PreparedAppend[],
  observation: Observation,
): readonly PreparedAppend[] {
  const inject = observation.injector()
  if (inject === undefined) return appends
  return appends.map((append) => ({
    ...append,
    events: append.events.map((event) => ({
      ...event,
      metadata: inject(event.metadata),
    })),
  }))
}
