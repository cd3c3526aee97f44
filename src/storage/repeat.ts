/** Recognising a repeated append by its event ids: the one rule for every store. */
import type { AppendOutcome, AppendSuccess, PreparedAppend } from './storage.ts'

/** Where a recorded event with one of the call's ids is. */
export interface RecordedId {
  readonly id: string
  readonly streamId: string
  readonly version: number
  readonly position: number
  readonly recordedAt: Date
}

/**
 * Settles a call of which some event ids are already recorded, by id in `recorded`. It repeats an earlier call
 * if every append with events is a repeat; then the first results are given, whatever versions are expected
 * now, and `head` tells where the streams are that the call only checks. Otherwise an id is taken.
 */
export function settleRepeat(
  appends: readonly PreparedAppend[],
  recorded: ReadonlyMap<string, RecordedId>,
  head: (append: PreparedAppend) => AppendSuccess,
): readonly AppendOutcome[] {
  const firstResults = appends.map((append) =>
    append.events.length === 0 ? head(append) : firstResult(append, recorded),
  )
  if (firstResults.every((result) => result !== undefined)) return firstResults
  return appends.map(({ events }) => {
    const taken = events.map((event) => recorded.get(event.id)).find((event) => event !== undefined)
    if (taken === undefined) return { kind: 'abandoned' }
    return { kind: 'duplicate', eventId: taken.id, streamId: taken.streamId }
  })
}

/** The first result of this append, if its stream holds exactly these events one after the other. */
function firstResult(
  append: PreparedAppend,
  recorded: ReadonlyMap<string, RecordedId>,
): AppendSuccess | undefined {
  const found = append.events.map((event) => recorded.get(event.id)).filter((event) => event !== undefined)
  const [first] = found
  const last = found.at(-1)
  if (first === undefined || last === undefined || found.length < append.events.length) return undefined
  const inOrder = found.every(
    ({ streamId, version }, index) => streamId === append.streamId && version === first.version + index,
  )
  if (!inOrder) return undefined
  const positions = found.map((event) => event.position)
  return { kind: 'repeated', version: last.version, positions, recordedAt: new Date(first.recordedAt) }
}
