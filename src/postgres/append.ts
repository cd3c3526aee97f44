/** Appending: from prepared events to the parameters of `append_events`, and from its answer to outcomes. */
import { type RecordedId, settleRepeat } from '../repeat.ts'
import type { AppendOutcome, PreparedAppend, PreparedEvent, Written } from '../storage.ts'
import type { ExpectedVersion } from '../store.ts'
import type { Parameters, Row } from './client.ts'
import { jsonList, plainArray, textArray } from './encode.ts'

export interface AppendRequest {
  readonly appends: readonly PreparedAppend[]
  /** Whether this very call may have been done before. */
  readonly retried: boolean
  /** For an import: the events of all appends in the order they should have in the log, with their times. */
  readonly imported?: { readonly owners: readonly number[]; readonly recordedAts: readonly Date[] }
}

/** See `append.sql`. */
export function appendParameters({ appends, retried, imported }: AppendRequest): Parameters {
  const owners = imported?.owners ?? appends.flatMap(({ events }, index) => events.map(() => index + 1))
  const taken = appends.map(() => 0)
  const events: PreparedEvent[] = []
  const nths: number[] = []
  for (const owner of owners) {
    const nth = (taken[owner - 1] as number) + 1
    taken[owner - 1] = nth
    nths.push(nth)
    events.push(appends[owner - 1]?.events[nth - 1] as PreparedEvent)
  }
  return [
    textArray(appends.map(({ streamId }) => streamId)),
    plainArray(appends.map(({ expectedVersion }) => expectedNumber(expectedVersion))),
    plainArray(appends.map((append) => append.events.length)),
    plainArray(owners),
    plainArray(nths),
    plainArray(events.map(({ id }) => id)),
    textArray(events.map(({ type }) => type)),
    jsonList(events.map(({ data }) => data)),
    unlessAll(
      events,
      ({ metadata }) => metadata === '{}',
      () => jsonList(events.map(({ metadata }) => (metadata === '{}' ? '' : metadata))),
    ),
    unlessAll(
      events,
      ({ tags }) => tags.length === 0,
      () => textArray(events.map(({ tags }) => (tags.length === 0 ? null : textArray(tags)))),
    ),
    imported === undefined ? null : plainArray(imported.recordedAts.map((time) => time.toISOString())),
    'true',
    String(retried),
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

function unlessAll<T>(
  items: readonly T[],
  isAbsent: (item: T) => boolean,
  encode: () => string,
): string | null {
  return items.every(isAbsent) ? null : encode()
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
      streamId: String(row.stream_id),
      version: Number(row.version),
      position: Number(row.position),
      recordedAt: new Date(Number(row.recorded_at)),
    })
  }
  return settleRepeat(appends, recorded, ({ streamId }) => heads.get(streamId) as Written)
}
