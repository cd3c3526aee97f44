/** The events of a command: gives them ids before the append, finds them in a stream, and shows them as recorded. */
import { markAsAccepted } from '../catalogue/accept.ts'
import type { Event, Metadata, RecordedEvent } from '../event.ts'
import { markNamedByLibrary } from '../input/id-origin.ts'
import { mergedMetadata } from '../input/json.ts'
import { jsonRoundTrip } from '../input/json-round-trip.ts'
import type { AppendResult } from '../store.ts'
import { numberedUuid, uuidv7 } from '../uuid.ts'

/** An event as the command handler appends it. */
export type CausedEvent<E extends Event> = E & { readonly id: string; readonly metadata: Metadata }

/** Returns the id of the event with this index (0, 1, 2 …) that a command with an id causes. */
export function commandEventId(stream: string, commandId: string, index: number): string {
  return numberedUuid(['command', stream, commandId], index)
}

/**
 * Gives decided events their ids and metadata. If the command has an id, the event ids are derived from it. `inject`: adds
 * the metadata of the store's observer.
 */
export function causedEvents<E extends Event>(
  decided: readonly E[],
  stream: string,
  commandId: string | undefined,
  metadata: Metadata | undefined,
  inject?: (own: string) => string,
): readonly CausedEvent<E>[] {
  const causationId = commandId ?? uuidv7()
  const made = { correlationId: causationId, causationId }
  return decided.map((event, index) => {
    const own = mergedMetadata(made, metadata, event.metadata)
    const caused = {
      ...event,
      id: commandId === undefined ? (event.id ?? uuidv7()) : commandEventId(stream, commandId, index),
      metadata: inject === undefined ? own : JSON.parse(inject(JSON.stringify(own))),
    }
    if (commandId === undefined && event.id === undefined) markNamedByLibrary(caused)
    markAsAccepted(caused, event)
    return caused
  })
}

/** Returns the events that an earlier call with this command id caused; an empty list if there was none. */
export function findCausedEvents<E extends Event>(
  history: readonly RecordedEvent<E>[],
  stream: string,
  commandId: string,
): readonly RecordedEvent<E>[] {
  const first = commandEventId(stream, commandId, 0)
  const from = history.findIndex((event) => event.id === first)
  if (from < 0) return []
  let to = from + 1
  while (history[to]?.id === commandEventId(stream, commandId, to - from)) to++
  return history.slice(from, to)
}

/** Returns appended events as a read of the store would return them. */
export function recordedEvents<E extends Event>(
  events: readonly CausedEvent<E>[],
  result: AppendResult,
): readonly RecordedEvent<E>[] {
  return events.map((event, index) => ({
    ...event,
    id: event.id.toLowerCase(),
    data: jsonRoundTrip(event.data),
    metadata: jsonRoundTrip(event.metadata),
    tags: [...(event.tags ?? [])],
    streamId: result.streamId,
    version: result.firstVersion + index,
    position: result.positions[index] as number,
    recordedAt: result.recordedAt as Date,
  }))
}
