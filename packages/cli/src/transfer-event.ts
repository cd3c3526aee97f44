/** An event as a line of JSON in a file: what `export` writes, and `import` and `copy` read. */
import type { ImportedEvent, RecordedEvent } from '@eventsourced/core'
import { CommandFailure } from './failure.ts'

/** The parts of a recorded event that an import keeps, and its place, which tells a reader where it was. */
export function exportedLine(event: RecordedEvent): string {
  const { position, streamId, version, id, type, recordedAt, data, metadata, tags } = event
  return JSON.stringify({ position, streamId, version, id, type, recordedAt, data, metadata, tags })
}

/**
 * Reads a line. Accepts what `export` writes, and files of other systems with `streamId` (or `stream`), `type` and `data`.
 * @throws CommandFailure if the line is not an event, with its number
 */
export function importedEvent(line: string, number: number): ImportedEvent {
  const parsed = parse(line, number)
  const { streamId = parsed.stream, id, type, data, metadata, tags, recordedAt } = parsed
  if (typeof streamId !== 'string' || typeof type !== 'string' || data === undefined) {
    throw new CommandFailure(`Line ${number} is no event: it needs "streamId", "type" and "data"`)
  }
  const at = recordedAt === undefined ? undefined : new Date(String(recordedAt))
  if (at !== undefined && Number.isNaN(at.getTime())) {
    throw new CommandFailure(`Line ${number}: "recordedAt" is no time: ${JSON.stringify(recordedAt)}`)
  }
  // The store checks the rest, and names what does not fit.
  return { streamId, id, type, data, metadata, tags, recordedAt: at } as ImportedEvent
}

function parse(line: string, number: number): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(line)
    if (typeof parsed === 'object' && parsed !== null) return { ...parsed }
  } catch (error) {
    throw new CommandFailure(`Line ${number} is no JSON: ${error instanceof Error ? error.message : error}`)
  }
  throw new CommandFailure(`Line ${number} is no JSON object`)
}
