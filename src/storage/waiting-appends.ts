/**
 * The appends that wait for a group, by stream.
 *
 *              ┌──────── take ───────┐
 *              │                     ▼
 *     add ──▶ line                 held ◀── add
 *              ▲                     │
 *              └── release, if more ─┘
 *                  appends wait
 *
 * A stream is held from when a group takes its appends until they are settled. Further appends wait with it, so the
 * appends to one stream keep the order of their calls. The line has the order in which the streams began to wait. A
 * stream that is released keeps its place in that order. If a group has no room for all appends of a stream, the
 * remaining ones wait behind the streams in the line. So no stream delays another by more than a group.
 */
import type { AppendOutcome, PreparedAppend } from './storage.ts'

/** An append whose promise is not settled. */
export interface PendingAppend {
  readonly append: PreparedAppend
  /** In characters of JSON. */
  readonly size: number
  readonly signal: AbortSignal | undefined
  readonly resolve: (outcome: AppendOutcome) => void
  readonly reject: (error: unknown) => void
  /** When it began to wait: for a stream that is busy or in a running group, or for another lock. */
  waitsSince: number | undefined
  /** See `Busy`. */
  mayBeMade: boolean
  /** See `Throttled`. */
  timesThrottled: number
}

/** Appends that are made together, in their order. */
export interface Group {
  readonly appends: readonly PendingAppend[]
  readonly streamIds: readonly string[]
}

interface Stream {
  readonly id: string
  /** The appends that no group has taken, in the order of their calls. */
  waiting: PendingAppend[]
  isHeld: boolean
  /** Orders the line. The stream whose first waiting append began to wait later has the higher rank. */
  rank: number
}

// A group that would exceed this size, in characters of JSON, takes no further append.
const maxGroupSize = 1_048_576

export class WaitingAppends {
  /** The streams in the line, and the held streams. */
  readonly #streams = new Map<string, Stream>()
  /** The lowest rank that was given to a stream that came back. */
  #lowestRank = 0
  /** The streams that a group may take, by `rank`. */
  #line: Stream[] = []
  #ranks = 0

  /** How many streams are in the line. */
  get streamCount(): number {
    return this.#line.length
  }

  add(pending: PendingAppend): void {
    const { streamId } = pending.append
    const stream = this.#streams.get(streamId)
    if (stream === undefined) {
      const added = { id: streamId, waiting: [pending], isHeld: false, rank: this.#ranks++ }
      this.#streams.set(streamId, added)
      this.#line.push(added)
      return
    }
    if (stream.isHeld) noteWait(pending)
    if (stream.waiting.length === 0) stream.rank = this.#ranks++
    stream.waiting.push(pending)
  }

  /** Takes all appends of the first streams in the line, as far as they fit into a group, and holds these streams. */
  take(maxStreams: number, maxAppends: number): Group {
    const appends: PendingAppend[] = []
    const streamIds: string[] = []
    let size = 0
    let seen = 0
    const fits = (pending: PendingAppend) =>
      appends.length === 0 || (appends.length < maxAppends && size + pending.size <= maxGroupSize)
    for (const stream of this.#line) {
      if (streamIds.length === maxStreams) break
      const before = appends.length
      let done = 0
      for (const pending of stream.waiting) {
        if (pending.signal?.aborted) pending.reject(pending.signal.reason)
        else if (fits(pending)) {
          appends.push(pending)
          size += pending.size
        } else break
        done++
      }
      const isTaken = appends.length > before
      // The group is full, and the stream stays first in the line.
      if (!isTaken && done < stream.waiting.length) break
      seen++
      if (isTaken) {
        streamIds.push(stream.id)
        this.#hold(stream, stream.waiting.slice(done))
      } else this.#streams.delete(stream.id)
    }
    this.#line = this.#line.slice(seen)
    return { appends, streamIds }
  }

  #hold(stream: Stream, rest: PendingAppend[]): void {
    stream.isHeld = true
    stream.waiting = rest
    stream.rank = this.#ranks++
    for (const pending of rest) noteWait(pending)
  }

  /** Takes back appends of a group, and frees their streams. They come before all others, in their order. */
  putBack(appends: readonly PendingAppend[]): void {
    const byStream = new Map<string, PendingAppend[]>()
    for (const pending of appends) {
      const { streamId } = pending.append
      byStream.set(streamId, [...(byStream.get(streamId) ?? []), pending])
    }
    for (const [streamId, own] of [...byStream].reverse()) {
      const stream = this.#streams.get(streamId)
      if (stream === undefined) continue
      stream.waiting = [...own, ...stream.waiting]
      stream.rank = --this.#lowestRank
    }
    this.release(byStream.keys())
  }

  /** Frees held streams. A stream with waiting appends returns to its place in the line. */
  release(streamIds: Iterable<string>): void {
    const returned: Stream[] = []
    for (const streamId of streamIds) {
      const stream = this.#streams.get(streamId)
      if (stream === undefined) continue
      stream.isHeld = false
      if (stream.waiting.length > 0) returned.push(stream)
      else this.#streams.delete(streamId)
    }
    if (returned.length === 0) return
    this.#line = [...returned, ...this.#line].sort((a, b) => a.rank - b.rank)
  }
}

/** Notes when the append began to wait, unless it waits already. */
export function noteWait(pending: PendingAppend): void {
  pending.waitsSince ??= performance.now()
}
