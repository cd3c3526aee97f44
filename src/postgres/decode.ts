/** From the columns of `event_columns.sql` to recorded events. */
import type { Metadata, RecordedEvent } from '../event.ts'
import type { Row } from './client.ts'

const uuidLength = 36

/** The events of a page; undefined if the page was too large to come in one piece. */
export function decodeEvents(row: Row): RecordedEvent[] | undefined {
  const count = Number(row.event_count)
  if (count === 0) return []
  if (row.data === null) return undefined
  const list = <T>(column: string) => JSON.parse(`[${row[column]}]`) as T[]
  const positions = list<number>('positions')
  const versions = list<number>('versions')
  const recordedAts = list<number>('recorded_ats')
  const streamIds = list<string>('stream_ids')
  const types = list<string>('types')
  const data = list<unknown>('data')
  const metadata = row.metadata === null ? undefined : list<Metadata>('metadata')
  const tags = row.tags === null ? undefined : list<readonly string[]>('tags')
  const ids = String(row.event_ids)
  const events: RecordedEvent[] = []
  for (let index = 0; index < count; index++) {
    events.push({
      id: ids.slice(index * uuidLength, (index + 1) * uuidLength),
      type: types[index] as string,
      data: data[index],
      metadata: metadata?.[index] ?? {},
      tags: tags?.[index] ?? [],
      streamId: streamIds[index] as string,
      version: versions[index] as number,
      position: positions[index] as number,
      recordedAt: new Date(recordedAts[index] as number),
    })
  }
  return events
}
