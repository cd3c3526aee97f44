/** Appending: from prepared events to the parameters of `append_events`, and from its answer to outcomes. */
import { type RecordedId, settleRepeat } from '../repeat.ts'
import type { AppendOutcome, PreparedAppend, Storage, Written } from '../storage.ts'
import type { ExpectedVersion } from '../store.ts'
import type { Parameters, Row } from './client.ts'
import { eventParameters, plainArray, textArray } from './encode.ts'
import { type Runner, runWrite } from './runner.ts'
import type { Statements } from './statements.ts'

export function appending(
  runner: Runner,
  statements: Statements,
  { readStream }: Pick<Storage, 'readStream'>,
): Pick<Storage, 'append'> {
  async function head(streamId: string, signal: AbortSignal | undefined): Promise<Written> {
    const window = { fromVersion: 1, toVersion: Number.MAX_SAFE_INTEGER, asOf: undefined, limit: 1 }
    const { version, events } = await readStream(streamId, { ...window, direction: 'backward' }, signal)
    const emptyAt = events[0]?.position ?? 0
    return { kind: 'appended', version, positions: [], recordedAt: undefined, emptyAt }
  }

  return {
    async append(appends, signal) {
      const parameters = (retried: boolean) => appendParameters(appends, retried)
      const row = await runWrite(runner, 'Appending', statements.append, parameters, signal)
      const answer = appendAnswer(appends, row)
      const checkedOnly = appends.filter(({ events }) => events.length === 0)
      if (answer !== 'repeated' && checkedOnly.length === 0) return answer

      const heads = new Map<string, Written>()
      for (const { streamId } of checkedOnly) heads.set(streamId, await head(streamId, signal))
      if (answer === 'repeated') {
        const ids = plainArray(appends.flatMap(({ events }) => events.map(({ id }) => id)))
        const found = await runner.run('Finding events', statements.findEvents, () => [ids], signal)
        return settle(appends, found, heads)
      }
      return answer.map((outcome, index) => {
        const append = appends[index] as PreparedAppend
        const isCheck = append.events.length === 0 && outcome.kind === 'appended'
        return isCheck ? (heads.get(append.streamId) as Written) : outcome
      })
    },
  }
}

/** See `append.sql`. `retried`: whether this very call may have been done before. */
function appendParameters(appends: readonly PreparedAppend[], retried: boolean): Parameters {
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

type AppendAnswer = readonly AppendOutcome[] | 'repeated'

/** What the function answered; 'repeated' if event ids are recorded already, for which see `settle`. */
function appendAnswer(appends: readonly PreparedAppend[], row: Row): AppendAnswer {
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
function settle(
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
