/** Finds the streams that were appended to last. The log is its index: a stream is listed at its last event. */
import type { RecordedEvent, StreamInfo } from '@eventsourced/core'
import type { AnyStore } from '../target/known.ts'

const mostEvents = 2_000
const mostLookUps = 500
const lookUpsAtOnce = 8

export interface NewestStreams {
  readonly streams: readonly StreamInfo[]
  /** The position before which the next page begins; undefined if the log ends here. */
  readonly next: number | undefined
}

/**
 * Reads the log backward from before a position, at most 2,000 events of at most 500 streams, and returns at most `limit`
 * streams, the newest first. A page may have fewer streams, or none, and still name a next one.
 */
export async function newestStreams(
  store: AnyStore,
  { before, prefix, limit, signal }: NewestStreamsQuery,
): Promise<NewestStreams> {
  if (before !== undefined && before <= 1) return { streams: [], next: undefined }
  const streams: StreamInfo[] = []
  const seen = new Set<string>()
  let waiting: RecordedEvent[] = []
  let read = 0
  /** Looks the waiting streams up, in order. Returns the event at which the page is full. */
  const lookUp = async (): Promise<RecordedEvent | undefined> => {
    const events = waiting
    waiting = []
    const found = await Promise.all(events.map(({ streamId }) => store.streamInfo(streamId, { signal })))
    for (const [index, event] of events.entries()) {
      const stream = found[index]
      if (stream?.version === event.version) streams.push(stream)
      if (streams.length === limit) return event
    }
    return undefined
  }
  const until = before === undefined ? undefined : before - 1
  const range = { direction: 'backward', until, streamPrefix: prefix, limit: mostEvents, signal } as const
  for await (const event of store.raw.readAll(range)) {
    read++
    if (!seen.has(event.streamId)) {
      seen.add(event.streamId)
      waiting.push(event)
    }
    const isLast = read === mostEvents || seen.size === mostLookUps
    if (!isLast && waiting.length < Math.min(lookUpsAtOnce, limit - streams.length)) continue
    const full = await lookUp()
    if (full !== undefined) return { streams, next: full.position }
    if (isLast) return { streams, next: event.position }
  }
  const full = await lookUp()
  return { streams, next: full?.position }
}

interface NewestStreamsQuery {
  readonly before: number | undefined
  readonly prefix: string | undefined
  readonly limit: number
  readonly signal: AbortSignal
}
