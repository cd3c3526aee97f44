/** Appending: from prepared events to the parameters of `append_events`, and from its answer to outcomes. */
import { type RecordedId, settleRepeat } from '../repeat.ts'
import type {
  AppendOutcome,
  ImportOutcome,
  PreparedAppend,
  PreparedEvent,
  PreparedImport,
  Written,
} from '../storage.ts'
import type { ExpectedVersion } from '../store.ts'
import type { Parameters, Row } from './client.ts'
import { jsonList, plainArray, textArray } from './encode.ts'

/** See `append.sql`. `retried`: whether this very call may have been done before. */
export function appendParameters(appends: readonly PreparedAppend[], retried: boolean): Parameters {
  const events = appends.flatMap((append) => append.events)
  return [
    textArray(appends.map(({ streamId }) => streamId)),
    plainArray(appends.map(({ expectedVersion }) => expectedNumber(expectedVersion))),
    plainArray(appends.map((append) => append.events.length)),
    plainArray(appends.flatMap((append, index) => append.events.map(() => index + 1))),
    plainArray(appends.flatMap((append) => append.events.map((_, index) => index + 1))),
    ...eventParameters(events),
    'true',
    String(retried),
  ]
}

/** See `import.sql`. */
export function importParameters(events: readonly PreparedImport[], clampTimes: boolean): Parameters {
  const places = new Map<string, number>()
  for (const { streamId } of events) {
    if (!places.has(streamId)) places.set(streamId, places.size + 1)
  }
  return [
    textArray([...places.keys()]),
    plainArray(events.map(({ streamId }) => places.get(streamId) ?? null)),
    ...eventParameters(events),
    plainArray(events.map(({ recordedAt }) => recordedAt?.toISOString() ?? null)),
    String(clampTimes),
  ]
}

/** Ids, types, data, metadata and tags; null for what no event has. */
function eventParameters(events: readonly PreparedEvent[]): Parameters {
  const noMetadata = events.every(({ metadata }) => metadata === '{}')
  const noTags = events.every(({ tags }) => tags.length === 0)
  return [
    plainArray(events.map(({ id }) => id)),
    textArray(events.map(({ type }) => type)),
    jsonList(events.map(({ data }) => data)),
    noMetadata ? null : jsonList(events.map(({ metadata }) => (metadata === '{}' ? '' : metadata))),
    noTags ? null : textArray(events.map(({ tags }) => (tags.length === 0 ? null : textArray(tags)))),
  ]
}

function expectedNumber(expected: ExpectedVersion): number | null {
  switch (expected) {
    case 'any':
      return null
    case 'noStream':
      return -1
    case 'streamExists':
      return -2
    default:
      return expected
  }
}

export type AppendAnswer = readonly AppendOutcome[] | 'repeated'

/** What the function answered; 'repeated' if event ids are recorded already, for which see `settle`. */
export function appendAnswer(appends: readonly PreparedAppend[], row: Row): AppendAnswer {
  const list = <T>(column: string) => JSON.parse(String(row[column] ?? '[]')) as T[]
  const outcomes = list<string>('outcomes')
  const versions = list<number>('versions')
  if (outcomes.includes('repeated')) return 'repeated'
  if (outcomes.includes('conflict')) {
    return outcomes.map((outcome, index) =>
      outcome === 'conflict'
        ? { kind: 'conflict', actual: versions[index] as number }
        : { kind: 'abandoned' },
    )
  }
  const recordedAts = list<number>('recorded_ats')
  const positions = list<number>('positions')
  let from = 0
  return appends.map(({ events }, index) => {
    const own = positions.slice(from, from + events.length)
    from += events.length
    const recordedAt = events.length === 0 ? undefined : new Date(recordedAts[index] as number)
    return { kind: 'appended', version: versions[index] as number, positions: own, recordedAt }
  })
}

/** Outcomes of a call of which some ids are recorded; `found` are the rows of `find-events.sql`. */
export function settle(
  appends: readonly PreparedAppend[],
  found: readonly Row[],
  heads: ReadonlyMap<string, Written>,
): readonly AppendOutcome[] {
  const recorded = new Map<string, RecordedId>()
  for (const row of found) {
    const id = String(row.event_id)
    recorded.set(id, {
      id,
      streamId: JSON.parse(String(row.stream_id)),
      version: Number(row.version),
      position: Number(row.position),
      recordedAt: new Date(Number(row.recorded_at)),
    })
  }
  return settleRepeat(appends, recorded, ({ streamId }) => heads.get(streamId) as Written)
}

/** What `import_events` answered. */
export function importAnswer(row: Row): ImportOutcome {
  const streamId = JSON.parse(String(row.stream_id))
  if (row.imported !== null) return { kind: 'imported', imported: Number(row.imported) }
  if (row.event_id !== null) return { kind: 'duplicate', eventId: String(row.event_id), streamId }
  const [recordedAt, previous] = [row.recorded_at, row.previous_at].map((time) => new Date(Number(time)))
  return { kind: 'out-of-order', streamId, recordedAt: recordedAt as Date, previous: previous as Date }
}
