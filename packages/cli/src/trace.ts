/** The events of one business transaction, as a tree of causes. */
import { hasCode, type RecordedEvent } from '@eventsourced/core'
import type { CommandContext } from './context.ts'
import type { AnyStore } from './target/known.ts'

export interface TracedEvent extends RecordedEvent {
  /** How many causes of the same transaction are above it. */
  readonly depth: number
}

/** Which part of the log to search, and for how long. */
export interface TraceSearch {
  /** The position in the middle of the part. @default the end of the log */
  readonly around?: number | undefined
  /** How many positions before it, and after it, are searched. */
  readonly width: number
  /** The largest number of events to find. */
  readonly most: number
  /** Ends the search; what was found until then is returned. In milliseconds. */
  readonly time: number
  readonly signal: AbortSignal
}

/** What a search has found, and where it has searched: from one position to another, both inclusive. */
export interface FoundTrace {
  readonly events: readonly TracedEvent[]
  readonly from: number
  readonly to: number
  /** The whole log was searched, so no event can be missing. */
  readonly isWhole: boolean
}

/** Reads the log, and returns the events of one correlation id, each after its cause. */
export async function correlatedEvents(
  { store, signal }: CommandContext,
  correlation: string,
  since?: Date,
): Promise<readonly TracedEvent[]> {
  const found: RecordedEvent[] = []
  for await (const event of store.raw.readAll({ direction: 'backward', signal })) {
    if (since !== undefined && event.recordedAt < since) break
    if (isOf(event, correlation)) found.push(event)
  }
  return asTree(found.reverse())
}

/**
 * Searches a part of the log for the events of one correlation id: first the positions before its middle, the newest
 * first, then those after it. It stops when its time is over, or when it has found enough, and tells how far it came.
 */
export async function searchTrace(
  store: AnyStore,
  correlation: string,
  { around, width, most, time, signal }: TraceSearch,
): Promise<FoundTrace> {
  const deadline = performance.now() + time
  const found: RecordedEvent[] = []
  const isOver = () => found.length >= most || performance.now() >= deadline
  const end = await lastPosition(store, signal)
  const middle = Math.min(around ?? end, end)
  let from = Math.max(1, middle - width)
  const before = { after: from - 1, until: middle, direction: 'backward', signal } as const
  for await (const event of middle === 0 ? [] : store.raw.readAll(before)) {
    if (isOf(event, correlation)) found.push(event)
    if (!isOver()) continue
    from = event.position
    break
  }
  found.reverse()
  let to = Math.min(end, middle + width)
  if (isOver() && to > middle) to = middle
  try {
    for await (const event of to > middle ? store.raw.readAll({ after: middle, until: to, signal }) : []) {
      if (isOf(event, correlation)) found.push(event)
      if (!isOver()) continue
      to = event.position
      break
    }
  } catch (error) {
    // The log has lost its end since it was measured.
    if (!hasCode(error, 'log-truncated')) throw error
  }
  return { events: asTree(found), from: Math.min(from, to), to, isWhole: from <= 1 && to >= end }
}

/** Returns the position of the last event that readers see; 0 if there is none. */
export async function lastPosition(store: AnyStore, signal: AbortSignal): Promise<number> {
  for await (const { position } of store.raw.readAll({ direction: 'backward', limit: 1, signal }))
    return position
  return 0
}

const isOf = ({ id, metadata }: RecordedEvent, correlation: string): boolean =>
  metadata.correlationId === correlation || id === correlation

/** Returns the events, each one after its cause. An event whose cause is not among them is a root. */
function asTree(events: readonly RecordedEvent[]): readonly TracedEvent[] {
  const ids = new Set(events.map(({ id }) => id))
  const effectsOf = new Map<unknown, RecordedEvent[]>()
  const roots: RecordedEvent[] = []
  for (const event of events) {
    const { causationId } = event.metadata
    // The events of a command name the command as their cause, and it is no event.
    if (!ids.has(String(causationId))) roots.push(event)
    else if (effectsOf.get(causationId)?.push(event) === undefined) effectsOf.set(causationId, [event])
  }
  // Imported events may name each other as their causes. Such a circle has no root, so it begins with its first event.
  const left = [...roots, ...events].reverse().map((event) => ({ ...event, depth: 0 }))
  const tree = new Map<string, TracedEvent>()
  for (let event = left.pop(); event !== undefined; event = left.pop()) {
    if (tree.has(event.id)) continue
    tree.set(event.id, event)
    const { id, depth } = event
    left.push(...(effectsOf.get(id) ?? []).map((effect) => ({ ...effect, depth: depth + 1 })).reverse())
  }
  return [...tree.values()]
}
