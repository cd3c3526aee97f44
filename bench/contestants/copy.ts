/** COPY, the fastest way of rows into Postgres: what an import or a large append is measured against. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Sql } from 'postgres'

export interface EventRow {
  readonly position: number
  readonly version: number
  readonly recordedAt: Date
  readonly eventId: string
  readonly streamId: string
  readonly type: string
  readonly data: unknown
  readonly metadata: unknown
}

/** Copies the rows in one transaction. */
export async function copyEvents(
  sql: Sql,
  rows: Iterable<EventRow> | AsyncIterable<EventRow>,
): Promise<void> {
  const writable = await sql`
    copy bench.events (position, version, recorded_at, event_id, stream_id, type, data, metadata) from stdin
  `.writable()
  await pipeline(Readable.from(chunksOf(rows)), writable)
}

// A write for each row would cost more than the row.
const chunkLength = 65_536

async function* chunksOf(rows: Iterable<EventRow> | AsyncIterable<EventRow>): AsyncGenerator<string> {
  let chunk = ''
  for await (const row of rows) {
    chunk += lineOf(row)
    if (chunk.length < chunkLength) continue
    yield chunk
    chunk = ''
  }
  if (chunk !== '') yield chunk
}

function lineOf(row: EventRow): string {
  const metadata = row.metadata === undefined ? '\\N' : escaped(JSON.stringify(row.metadata))
  return (
    `${row.position}\t${row.version}\t${row.recordedAt.toISOString()}\t${row.eventId}\t${escaped(row.streamId)}` +
    `\t${escaped(row.type)}\t${escaped(JSON.stringify(row.data))}\t${metadata}\n`
  )
}

function escaped(text: string): string {
  return text.replace(/[\\\t\n\r]/g, (character) => escapes[character] ?? character)
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }
