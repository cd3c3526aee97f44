/** COPY, the fastest way to write rows into Postgres. Imports and large appends are compared with it. */
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Client, Submittable } from 'pg'
import { inChunks } from '../chunks.ts'
import { requirePeer } from './peers.ts'

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

interface CopyStreams {
  from(statement: string): Writable & Submittable
}

/** Copies the rows in one transaction. */
export async function copyEvents(
  client: Client,
  rows: Iterable<EventRow> | AsyncIterable<EventRow>,
): Promise<void> {
  const copy = requirePeer<CopyStreams>('pg-copy-streams').from(
    'copy bench.events (position, version, recorded_at, event_id, stream_id, type, data, metadata) from stdin',
  )
  await pipeline(Readable.from(inChunks(linesOf(rows))), client.query(copy))
}

async function* linesOf(rows: Iterable<EventRow> | AsyncIterable<EventRow>): AsyncGenerator<string> {
  for await (const row of rows) yield lineOf(row)
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
