/** The events of one business transaction, as a tree of causes. */
import type { RecordedEvent } from '@eventsourced/core'
import type { CommandContext } from './context.ts'

export interface TracedEvent extends RecordedEvent {
  /** How many causes of the same transaction are above it. */
  readonly depth: number
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
    if (event.metadata.correlationId === correlation || event.id === correlation) found.push(event)
  }
  return asTree(found.reverse())
}

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
