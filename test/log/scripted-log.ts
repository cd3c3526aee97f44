/** A log of which the test decides everything: its events, its server, and when and how each read is answered. */
import type { RecordedEvent } from '../../src/event.ts'
import type { LogPage, LogQuery } from '../../src/storage/log-query.ts'
import { isInPartition } from '../../src/storage/partition.ts'

export function eventAt(
  position: number,
  type = 'A',
  streamId = 'a',
  tags: readonly string[] = [],
): RecordedEvent {
  const own = { id: `${type}-${position}`, type, streamId, position, version: 1, data: { position } }
  return { ...own, metadata: {}, tags, recordedAt: new Date(position) }
}

export class ScriptedLog {
  events: RecordedEvent[] = []
  server: string | undefined
  /** The bytes of each event, as the storage says; undefined: it does not say. */
  bytesOfEvent: number | undefined
  /** Every read that was sent, in order, and its signal. */
  readonly reads: (LogQuery & { readonly signal: AbortSignal | undefined })[] = []
  /** Called before a read is answered: it may wait or throw. */
  beforeAnswer: (query: LogQuery, signal: AbortSignal | undefined) => Promise<void> | void = () => {}

  /** Appends events of one type to one stream, at the next positions. */
  append(count: number, type = 'A', streamId = 'a', tags: readonly string[] = []): void {
    for (let nth = 0; nth < count; nth++) {
      this.events.push(eventAt((this.events.at(-1)?.position ?? 0) + 1, type, streamId, tags))
    }
  }

  readonly readLogPage = async (query: LogQuery, signal?: AbortSignal): Promise<LogPage> => {
    this.reads.push({ ...query, signal })
    const page = pageOf(this.events, query)
    const { server, bytesOfEvent } = this
    await this.beforeAnswer(query, signal)
    return {
      ...page,
      ...(server !== undefined && { server }),
      ...(bytesOfEvent !== undefined && { bytes: page.events.length * bytesOfEvent }),
    }
  }
}

/** The page that a storage with these events returns. */
export function pageOf(
  events: readonly RecordedEvent[],
  query: LogQuery,
  readAt: Date = new Date(),
): LogPage {
  const { after, until, types, streamPrefix, tags, partition, limit } = query
  const frontier = events.at(-1)?.position ?? 0
  const found = events.filter(
    ({ position, type, streamId, tags: own }) =>
      position > after &&
      position <= until &&
      types?.includes(type) !== false &&
      (streamPrefix === undefined || streamId.startsWith(streamPrefix)) &&
      tags?.every((tag) => own.includes(tag)) !== false &&
      (partition === undefined || isInPartition(streamId, partition)),
  )
  const shown = found.slice(0, limit)
  const full = shown.length === limit
  const end = Math.max(after, Math.min(until, frontier))
  return { events: shown, frontier, full, through: full ? (shown.at(-1)?.position ?? after) : end, readAt }
}
