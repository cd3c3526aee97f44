/** The events that a command causes: named before they are appended, recognised later, and as the store records them. */
import type { Event, Metadata, RecordedEvent } from '../event.ts'
import { markNamedByLibrary } from '../input/id-origin.ts'
import type { AppendResult } from '../store.ts'
import { uuidOf, uuidv7 } from '../uuid.ts'

/** An event as the command handler appends it. */
export type CausedEvent<E extends Event> = E & { readonly id: string; readonly metadata: Metadata }

/** Gives events their ids and their metadata. With a command's id, their ids are made of it. */
export function causedEvents<E extends Event>(
  decided: readonly E[],
  stream: string,
  commandId: string | undefined,
  metadata: Metadata | undefined,
): readonly CausedEvent<E>[] {
  const causationId = commandId ?? uuidv7()
  return decided.map((event, index) => {
    const caused = {
      ...event,
      id: commandId === undefined ? (event.id ?? uuidv7()) : uuidOf('command', stream, commandId, index),
      metadata: { correlationId: causationId, causationId, ...metadata, ...event.metadata },
    }
    if (commandId === undefined && event.id === undefined) markNamedByLibrary(caused)
    return caused
  })
}

/** The events that a command with this id caused in this stream, if it was handled before. */
export function causedBefore<E extends Event>(
  history: readonly RecordedEvent<E>[],
  stream: string,
  commandId: string,
): readonly RecordedEvent<E>[] {
  const first = uuidOf('command', stream, commandId, 0)
  const from = history.findIndex((event) => event.id === first)
  if (from < 0) return []
  let to = from + 1
  while (history[to]?.id === uuidOf('command', stream, commandId, to - from)) to++
  return history.slice(from, to)
}

/** The events as the store will give them back. */
export function recordedEvents<E extends Event>(
  events: readonly CausedEvent<E>[],
  result: AppendResult,
): readonly RecordedEvent<E>[] {
  return events.map((event, index) => ({
    ...event,
    id: event.id.toLowerCase(),
    data: readBack(event.data),
    metadata: readBack(event.metadata),
    tags: [...(event.tags ?? [])],
    streamId: result.streamId,
    version: result.firstVersion + index,
    position: result.positions[index] as number,
    recordedAt: result.recordedAt as Date,
  }))
}

/**
 * A copy of a value that a store has accepted, as it will be after its way through JSON: without the properties
 * that are undefined, and without minus zero. Several times faster than to write and parse it.
 */
export function readBack<T>(value: T): T
export function readBack(value: unknown): unknown {
  if (typeof value === 'number') return value === 0 ? 0 : value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(readBack)
  const copy: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue
    // Assigned, it would not become a property, but the copy's prototype.
    if (key === '__proto__') Object.defineProperty(copy, key, { ...ordinary, value: readBack(member) })
    else copy[key] = readBack(member)
  }
  return copy
}

const ordinary = { enumerable: true, writable: true, configurable: true }
