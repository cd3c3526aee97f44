/** Finds the streams that were appended to last, page by page. */
import type { RecordedEvent, StreamInfo } from '@eventsourced/core'
import type { AnyStore } from '../target/known.ts'
import { searchBackward } from './log-search.ts'

const mostSorted = 1_000
const lookUpsAtOnce = 8
const eventsAtOnce = 64
const mostEventsAtOnce = 1_000

export interface NewestStreamsQuery {
  /** The `next` of the page before. */
  readonly after: string | undefined
  readonly prefix: string | undefined
  readonly limit: number
  readonly signal: AbortSignal
}

export interface NewestStreams {
  readonly streams: readonly StreamInfo[]
  readonly next: string | undefined
}

/**
 * Returns at most `limit` streams, the newest first, without streams that have no events. If at most 1,000 streams have the
 * prefix, it sorts them; `next` is then the last time and id. Otherwise the log is the index: it reads the log backward, and
 * finds a stream at its last event; `next` is then a position, also on a page that has fewer streams, or none.
 */
export async function newestStreams(store: AnyStore, query: NewestStreamsQuery): Promise<NewestStreams> {
  const { after = '', prefix, signal } = query
  const isPosition = /^\d+$/.test(after)
  if (prefix !== undefined && !isPosition) {
    const found: StreamInfo[] = []
    for await (const stream of store.listStreams({ prefix, limit: mostSorted + 1, signal }))
      found.push(stream)
    if (found.length <= mostSorted) return sorted(found, query)
  }
  return newestInLog(store, query, isPosition ? Number(after) : undefined)
}

function sorted(streams: readonly StreamInfo[], { after, limit }: NewestStreamsQuery): NewestStreams {
  const [, time = '', id = ''] = /^(\d+) (.*)$/s.exec(after ?? '') ?? []
  const rest = streams
    .flatMap((stream) =>
      stream.lastRecordedAt === undefined ? [] : [{ stream, time: stream.lastRecordedAt.getTime() }],
    )
    .sort((one, other) => other.time - one.time || (one.stream.streamId < other.stream.streamId ? -1 : 1))
    .filter(
      (one) =>
        time === '' || one.time < Number(time) || (one.time === Number(time) && one.stream.streamId > id),
    )
  const last = rest.length > limit ? rest[limit - 1] : undefined
  return {
    streams: rest.slice(0, limit).map(({ stream }) => stream),
    next: last && `${last.time} ${last.stream.streamId}`,
  }
}

async function newestInLog(
  store: AnyStore,
  { prefix, limit, signal }: NewestStreamsQuery,
  before: number | undefined,
): Promise<NewestStreams> {
  const streams: StreamInfo[] = []
  const seen = new Set<string>()
  let waiting: RecordedEvent[] = []
  let full: number | undefined
  /** Looks the waiting streams up, in order. Returns true if the page is full. */
  const lookUp = async (): Promise<boolean> => {
    const events = waiting
    waiting = []
    const found = await Promise.all(events.map(({ streamId }) => store.streamInfo(streamId, { signal })))
    for (const [index, event] of events.entries()) {
      const stream = found[index]
      if (stream?.version !== event.version) continue
      streams.push(stream)
      full = event.position
      if (streams.length === limit) return true
    }
    return false
  }
  let chunk = eventsAtOnce
  let isNew = false
  /** The last event that was read, and how many before it were of the same stream. */
  let last: RecordedEvent | undefined
  let run = 0
  /** Reads more at once where streams were seen before, and passes the rest of a run of one stream. */
  const passed = async () => {
    const isRun = run >= chunk
    chunk = isNew ? eventsAtOnce : Math.min(chunk * 4, mostEventsAtOnce)
    isNew = false
    const { position } = last as RecordedEvent
    return { before: isRun ? await beginningOfRun(store, last as RecordedEvent, signal) : position, chunk }
  }
  const search = { before, prefix, chunk, passed, signal }
  const next = await searchBackward(store, search, async (event) => {
    run = last?.streamId === event.streamId ? run + 1 : 1
    last = event
    if (seen.has(event.streamId)) return false
    seen.add(event.streamId)
    isNew = true
    waiting.push(event)
    return waiting.length >= Math.min(lookUpsAtOnce, limit - streams.length) && (await lookUp())
  })
  if (await lookUp()) return { streams, next: String(full) }
  const place = streams.length === limit ? full : next
  return { streams, next: place === undefined || place <= 1 ? undefined : String(place) }
}

/**
 * Returns the position of the earliest known event of a run: of events of one stream that fill all positions up to this one,
 * as when a process has appended many events to one stream alone. It reads few of them, at growing distances.
 */
async function beginningOfRun(store: AnyStore, end: RecordedEvent, signal: AbortSignal): Promise<number> {
  const { streamId } = end
  let { version, position } = end
  let isGrowing = true
  for (
    let step = mostEventsAtOnce;
    step >= eventsAtOnce;
    step = isGrowing ? step * 4 : Math.floor(step / 2)
  ) {
    const fromVersion = version - step
    const slice =
      fromVersion < 1 ? undefined : await store.raw.readStream(streamId, { fromVersion, limit: 1, signal })
    const [event] = slice?.events ?? []
    if (event?.position === position - step) [version, position] = [event.version, event.position]
    else isGrowing = false
  }
  return position
}
