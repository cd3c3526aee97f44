/** Recognises a repeated append by its event ids. Every store uses this rule. */
import type { AppendOutcome, AppendSuccess, PreparedAppend } from './storage.ts'

/** The place of a recorded event that has one of the call's event ids. */
export interface RecordedId {
  readonly id: string
  readonly streamId: string
  readonly version: number
  readonly position: number
  readonly recordedAt: Date
}

/**
 * Returns the outcomes of a call when some of its event ids are recorded already; `recorded` has these events by id.
 *
 * - The call repeats an earlier one if, for each append with events, its stream has exactly these events in this order.
 *   Each outcome is then the one of the earlier call, whatever version is expected now. For an append without events,
 *   `head` returns the version of its stream.
 * - Otherwise nothing may be written: each append with a recorded id is a `duplicate`, and the others are `abandoned`.
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

/** Returns the first result of this append if its stream has exactly these events, one after the other. */
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
