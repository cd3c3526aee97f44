/** The statements that append: one append alone, a group with an outcome each, or several appends all or none. */
import {
  type AppendOutcome,
  type AppendSuccess,
  appendedEvents,
  type Busy,
  type ExpectedVersion,
  type NamedProjection,
  type PreparedAppend,
  type PreparedEvent,
  type Storage,
  settleRepeat,
} from '../storage/index.ts'
import type { Parameters, Row } from './client.ts'
import { recordedId } from './decode.ts'
import { eventParameters, namedParameters, plainArray, textArray } from './encode.ts'
import type { InlineDocuments } from './inline-documents.ts'
import { type AfterLockTimeout, LockGivenUp } from './lock-wait.ts'
import { type Runner, runWrite } from './runner.ts'
import type { Statements } from './statements.ts'

export interface AppendCalls {
  /**
   * Makes one append. If another transaction holds its stream, waits for milliseconds, then returns 'busy'.
   * `retriedBefore`: an earlier call may have recorded the events.
   */
  alone(append: PreparedAppend, retriedBefore: boolean, signal?: AbortSignal): Promise<AppendOutcome | Busy>
  /**
   * Makes several appends in one transaction, each with its own outcome. If another transaction holds a stream, the
   * appends to it are 'busy' at once. If another transaction is creating a stream, the call waits for milliseconds, and
   * all appends to new streams are then 'busy'. The call waits for other locks as long, and is then busy as a whole.
   */
  together(
    appends: readonly PreparedAppend[],
    retriedBefore: boolean,
  ): Promise<readonly (AppendOutcome | Busy)[] | Busy>
  /** Makes all appends in one transaction, or none. Waits for a stream as long as the store's `timeout` allows. */
  allOrNone(appends: readonly PreparedAppend[], signal?: AbortSignal): Promise<readonly AppendOutcome[]>
}

/** `named`: the inline projections. `documents`: writes them, if there are any. */
export function appendCalls(
  runner: Runner,
  statements: Statements,
  { readStream }: Pick<Storage, 'readStream'>,
  named: readonly NamedProjection[],
  documents: InlineDocuments | undefined,
): AppendCalls {
  const { forStreams } = runner.lockTimeouts

  /** Calls `append_to_each`, and writes the documents that the events change. */
  async function appendToEach(
    appends: readonly PreparedAppend[],
    retriedBefore: boolean,
    onRetry: () => void,
  ): Promise<Row> {
    const statement = statements.appendToEach
    const parameters = (retried: boolean) => {
      if (retried) onRetry()
      const findsRepeats = retried || retriedBefore || appends.some(mayBeRepeat)
      return eachParameters(appends, findsRepeats, named, forStreams)
    }
    if (documents !== undefined) {
      const eventsOf = (row: Row) => appendedEvents(appends, manyOutcomes(appends, row))
      const both = { statement, locking: statements.lockAndAppendToEach }
      return documents.append(appends, both, parameters, eventsOf, 'give up', undefined)
    }
    // Without `runWrite`: if a group fails, `GroupCommit` retries its appends in smaller groups.
    return (await runner.run('Appending', statement, parameters, undefined, 'give up'))[0] as Row
  }

  /** Calls `append_to_streams`, and writes the documents that the events change. */
  async function appendToStreams(
    appends: readonly PreparedAppend[],
    retriedBefore: boolean,
    afterLockTimeout: AfterLockTimeout,
    signal: AbortSignal | undefined,
  ): Promise<Row> {
    const statement = statements.appendToStreams
    const parameters = (retried: boolean) =>
      atomicParameters(appends, retried || retriedBefore || appends.some(mayBeRepeat), named, forStreams)
    if (documents === undefined) {
      return runWrite(runner, 'Appending', statement, parameters, signal, afterLockTimeout)
    }
    const eventsOf = (row: Row) => {
      const outcomes = manyOutcomes(appends, row)
      // If one append is refused, the function still reports the others as appended. None of them was.
      const isRefused = outcomes.some(({ kind }) => kind !== 'appended')
      return isRefused ? [] : appendedEvents(appends, outcomes)
    }
    const both = { statement, locking: statements.lockAndAppendToStreams }
    return documents.append(appends, both, parameters, eventsOf, afterLockTimeout, signal)
  }

  async function makeAlone(
    append: PreparedAppend,
    retriedBefore: boolean,
    signal?: AbortSignal,
  ): Promise<AppendOutcome> {
    if (documents !== undefined) {
      return (await makeAllOrNone([append], retriedBefore, 'give up', signal))[0] as AppendOutcome
    }
    const parameters = (retried: boolean) =>
      aloneParameters(append, retried || retriedBefore || mayBeRepeat(append), forStreams)
    const row = await runWrite(runner, 'Appending', statements.appendToStream, parameters, signal, 'give up')
    if (row.outcome === 'conflict') return conflict(Number(row.version))
    if (row.outcome === 'repeated') return (await repeats([append], signal))[0] as AppendOutcome
    return appended(Number(row.version), JSON.parse(String(row.positions)), Number(row.recorded_at))
  }

  async function makeTogether(appends: readonly PreparedAppend[], retriedBefore: boolean) {
    // A stream may be busy because the server still works on an attempt of this call whose answer was lost.
    let mayBeMade = false
    const onRetry = () => {
      mayBeMade = true
    }
    const row = await appendToEach(appends, retriedBefore, onRetry)
    const outcomes = manyOutcomes(appends, row)
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.kind === 'busy') outcomes[index] = { kind: 'busy', mayBeMade }
      if (outcome.kind !== 'repeats') continue
      outcomes[index] = (await repeats([appends[index] as PreparedAppend], undefined))[0] as AppendOutcome
    }
    return outcomes as (AppendOutcome | Busy)[]
  }

  async function makeAllOrNone(
    appends: readonly PreparedAppend[],
    retriedBefore: boolean,
    afterLockTimeout: AfterLockTimeout,
    signal?: AbortSignal,
  ): Promise<readonly AppendOutcome[]> {
    const row = await appendToStreams(appends, retriedBefore, afterLockTimeout, signal)
    const outcomes = manyOutcomes(appends, row)
    if (outcomes.some(({ kind }) => kind === 'repeats')) return repeats(appends, signal)
    if (outcomes.some(({ kind }) => kind === 'conflict')) {
      return outcomes.map((outcome) => (outcome.kind === 'conflict' ? outcome : { kind: 'abandoned' }))
    }
    const heads = await headsOf(appends, signal)
    return appends.map(({ streamId }, index) => heads.get(streamId) ?? (outcomes[index] as AppendOutcome))
  }

  /** Finds the outcomes of a call whose event ids are recorded, at least some of them. */
  async function repeats(appends: readonly PreparedAppend[], signal: AbortSignal | undefined) {
    const heads = await headsOf(appends, signal)
    const ids = plainArray(appends.flatMap(({ events }) => events.map(({ id }) => id)))
    const found = await runner.run('Finding events', statements.findEvents, () => [ids], signal)
    const recorded = new Map(found.map(recordedId).map((event) => [event.id, event]))
    return settleRepeat(appends, recorded, ({ streamId }) => heads.get(streamId) as AppendSuccess)
  }

  /** Reads the versions of the streams that the call only checks: their appends have no events. */
  async function headsOf(appends: readonly PreparedAppend[], signal: AbortSignal | undefined) {
    const heads = new Map<string, AppendSuccess>()
    const window = { fromVersion: 1, toVersion: Number.MAX_SAFE_INTEGER, asOf: undefined, limit: 1 }
    for (const { streamId } of appends.filter((append) => append.events.length === 0)) {
      const { version, events } = await readStream(streamId, { ...window, direction: 'backward' }, signal)
      const emptyAt = events[0]?.position ?? 0
      heads.set(streamId, { kind: 'appended', version, positions: [], recordedAt: undefined, emptyAt })
    }
    return heads
  }

  return {
    alone: (...call) => makeAlone(...call).catch(busyIfLocked),
    together: (appends, retriedBefore) => makeTogether(appends, retriedBefore).catch(busyIfLocked),
    allOrNone: (appends, signal) => makeAllOrNone(appends, false, 'retry', signal),
  }
}

function busyIfLocked(error: unknown): Busy {
  if (error instanceof LockGivenUp) return { kind: 'busy' }
  throw error
}

/**
 * Whether the functions must search for the ids of the caller before they append. With an expected version, a repeat is
 * a conflict, and the functions search only after a conflict. Without the search, a repeat would violate
 * events_event_id_key and fail the whole group. If `events` is partitioned, the constraint holds only within one
 * partition, so that the events could be recorded again.
 */
function mayBeRepeat({ expectedVersion, events }: PreparedAppend): boolean {
  if (expectedVersion !== 'any' && expectedVersion !== 'streamExists') return false
  return events.some(({ idFrom }) => idFrom === 'caller')
}

/** Makes the parameters of `append-to-stream.sql`. */
function aloneParameters(
  { streamId, expectedVersion, events }: PreparedAppend,
  retried: boolean,
  lockTimeout: string | null,
): Parameters {
  return [streamId, expectedNumber(expectedVersion), ...eventParameters(events), String(retried), lockTimeout]
}

/** Makes the parameters of `append-to-each.sql`. */
function eachParameters(
  appends: readonly PreparedAppend[],
  retried: boolean,
  named: readonly NamedProjection[],
  lockTimeout: string | null,
): Parameters {
  const placeOf = new Map<string, number>()
  const places: number[] = []
  for (const { streamId } of appends) {
    const place = placeOf.get(streamId) ?? placeOf.size + 1
    placeOf.set(streamId, place)
    places.push(place)
  }
  return [
    textArray(placeOf.keys()),
    plainArray(places),
    ...manyParameters(appends),
    String(retried),
    ...namedParameters(named),
    lockTimeout,
  ]
}

/** Makes the parameters of `append-to-streams.sql`. */
function atomicParameters(
  appends: readonly PreparedAppend[],
  retried: boolean,
  named: readonly NamedProjection[],
  lockTimeout: string | null,
): Parameters {
  return [
    textArray(appends.map(({ streamId }) => streamId)),
    ...manyParameters(appends),
    String(retried),
    ...namedParameters(named),
    lockTimeout,
  ]
}

/** Encodes the expected versions and the events of many appends. */
function manyParameters(appends: readonly PreparedAppend[]): Parameters {
  const expectedVersions: (string | null)[] = []
  const counts: number[] = []
  const owners: number[] = []
  const nths: number[] = []
  const all: PreparedEvent[] = []
  for (const { expectedVersion, events } of appends) {
    expectedVersions.push(expectedNumber(expectedVersion))
    counts.push(events.length)
    let nth = 0
    for (const event of events) {
      owners.push(counts.length)
      nths.push(++nth)
      all.push(event)
    }
  }
  return [
    plainArray(expectedVersions),
    plainArray(counts),
    plainArray(owners),
    plainArray(nths),
    ...eventParameters(all),
  ]
}

function expectedNumber(expected: ExpectedVersion): string | null {
  if (expected === 'any') return null
  if (expected === 'noStream') return '-1'
  return expected === 'streamExists' ? '-2' : String(expected)
}

/**
 * Returns the outcome of each append from the function's answer. `repeats`: some of its event ids are recorded already.
 */
function manyOutcomes(
  appends: readonly PreparedAppend[],
  row: Row,
): (AppendOutcome | Busy | { readonly kind: 'repeats' })[] {
  const list = <T>(column: string) => JSON.parse(String(row[column] ?? '[]')) as T[]
  const outcomes = list<'appended' | 'conflict' | 'repeated' | 'busy'>('outcomes')
  const versions = list<number>('versions')
  const recordedAts = list<number>('recorded_ats')
  const positions = list<number>('positions')
  let from = 0
  return appends.map(({ events }, index) => {
    switch (outcomes[index]) {
      case 'conflict':
        return conflict(versions[index] as number)
      case 'repeated':
        return { kind: 'repeats' }
      case 'busy':
        return { kind: 'busy' }
      default: {
        const own = positions.slice(from, from + events.length)
        from += events.length
        return appended(versions[index] as number, own, recordedAts[index] as number)
      }
    }
  })
}

const conflict = (actual: number): AppendOutcome => ({ kind: 'conflict', actual })

function appended(version: number, positions: readonly number[], recordedAt: number): AppendSuccess {
  return { kind: 'appended', version, positions, recordedAt: new Date(recordedAt) }
}
