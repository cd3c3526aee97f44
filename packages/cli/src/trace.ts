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
  for await (const event of store.raw.readAll({ signal })) {
    if (since !== undefined && event.recordedAt < since) continue
    if (event.metadata.correlationId === correlation || event.id === correlation) found.push(event)
  }
  return asTree(found)
}

/** Returns the events with each one after its cause. Events whose cause is not among them are roots. */
function asTree(events: readonly RecordedEvent[]): TracedEvent[] {
  const ids = new Set(events.map(({ id }) => id))
  const causedBy = new Map<unknown, RecordedEvent[]>()
  for (const event of events) {
    const { causationId } = event.metadata
    // A command's events name the command as their cause, and it is no event.
    const cause = causationId !== event.id && ids.has(String(causationId)) ? causationId : undefined
    causedBy.set(cause, [...(causedBy.get(cause) ?? []), event])
  }
  const tree: TracedEvent[] = []
  const left = [...(causedBy.get(undefined) ?? [])].map((event) => ({ ...event, depth: 0 })).reverse()
  for (let event = left.pop(); event !== undefined; event = left.pop()) {
    tree.push(event)
    const { id, depth } = event
    left.push(...(causedBy.get(id) ?? []).map((caused) => ({ ...caused, depth: depth + 1 })).reverse())
  }
  return tree
}
