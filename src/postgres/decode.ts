/** Decodes the rows of events: the columns of `event_columns.sql`, and the places that `find-events.sql` returns. */
import type { Metadata, RecordedEvent, RecordedId } from '../storage/index.ts'
import type { Row } from './client.ts'

/**
 * Returns the events of a row, or undefined if they were too large for one row. `streamIds`: the stream of all events,
 * or that of each one.
 */
export function decodeEvents(row: Row, streamIds: string | readonly string[]): RecordedEvent[] | undefined {
  const count = Number(row.event_count)
  if (count === 0) return []
  if (row.data === null) return undefined
  const positions = jsonOf<number[]>(row.positions)
  const versions = jsonOf<number[]>(row.versions)
  const recordedAts = jsonOf<number[]>(row.recorded_ats)
  const ids = jsonOf<string[]>(row.event_ids)
  const types = jsonOf<string[]>(row.types)
  const data = jsonOf<unknown[]>(row.data)
  const metadata = row.metadata === null ? undefined : jsonOf<Metadata[]>(row.metadata)
  const tags = row.tags === null ? undefined : jsonOf<(readonly string[])[]>(row.tags)
  const events: RecordedEvent[] = []
  for (let index = 0; index < count; index++) {
    events.push({
      id: ids[index] as string,
      type: types[index] as string,
      data: data[index],
      metadata: metadata?.[index] ?? {},
      tags: tags?.[index] ?? [],
      streamId: typeof streamIds === 'string' ? streamIds : (streamIds[index] as string),
      version: versions[index] as number,
      position: positions[index] as number,
      recordedAt: new Date(recordedAts[index] as number),
    })
  }
  return events
}

/** Parses a column of JSON, unless the driver has already parsed it. */
export function jsonOf<T>(column: unknown): T {
  return (typeof column === 'string' ? JSON.parse(column) : column) as T
}

/** Decodes a row of `find-events.sql`. */
export function recordedId(row: Row): RecordedId {
  return {
    id: String(row.event_id),
    streamId: JSON.parse(String(row.stream_id)),
    version: Number(row.version),
    position: Number(row.position),
    recordedAt: new Date(Number(row.recorded_at)),
  }
}
