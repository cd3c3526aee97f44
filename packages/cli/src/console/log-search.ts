/** Searches the log backward for the events of a page. Few events may match, so a search ends after a time. */
import type { RecordedEvent } from '@eventsourced/core'
import type { AnyStore } from '../target/known.ts'
import { lastPosition } from '../trace.ts'

export interface LogSearch {
  /** Only events before this position. @default the end of the log */
  readonly before: number | undefined
  readonly types?: readonly string[] | undefined
  readonly prefix: string | undefined
  /** How many events to read at once. */
  readonly chunk: number
  /** Called after each whole chunk: before which position to continue, and how many events to read at once then. */
  readonly passed?: (() => Promise<{ readonly before: number; readonly chunk: number }>) | undefined
  readonly signal: AbortSignal
}

/** After how long a search ends with what it has, in milliseconds. A page then answers in less than 200 ms. */
const searchTime = 120
const leastPositions = 2_000

/**
 * Passes the events to `take`, the newest first, until it returns true, the time is over, or the log has begun. It searches
 * a part of the log at a time, each as large as the time allows by the speed of the one before.
 * Returns the position before which nothing was searched; undefined if the whole log was.
 */
export async function searchBackward(
  store: AnyStore,
  { before, types, prefix, chunk: firstChunk, passed, signal }: LogSearch,
  take: (event: RecordedEvent) => boolean | Promise<boolean>,
): Promise<number | undefined> {
  const deadline = performance.now() + searchTime
  let until = before === undefined ? await lastPosition(store, signal) : before - 1
  let size = leastPositions
  let chunk = firstChunk
  let isAtEnd = before === undefined
  while (until >= 1) {
    const began = performance.now()
    const from = Math.max(1, until - size + 1)
    const range = { after: from - 1, until, direction: 'backward', limit: chunk, signal } as const
    let count = 0
    let last = until
    for await (const event of store.raw.readAll({ types, streamPrefix: prefix, ...range })) {
      count++
      last = event.position
      if (await take(event)) return event.position
    }
    if (count === 0 && !isAtEnd) {
      // A place far beyond the end of the log has no end of empty parts before it.
      isAtEnd = true
      const end = await lastPosition(store, signal)
      if (end < from) {
        until = end
        continue
      }
    }
    let searched = count === chunk ? last : from
    if (count === chunk && passed !== undefined) ({ before: searched, chunk } = await passed())
    const now = performance.now()
    const speed = (until - searched + 1) / Math.max(now - began, 0.1)
    size = Math.max(leastPositions, Math.floor(Math.min(size * 4, speed * (deadline - now))))
    until = searched - 1
    if (now >= deadline) break
  }
  return until >= 1 ? until + 1 : undefined
}
