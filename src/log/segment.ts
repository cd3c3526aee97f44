/**
 * The newest events of the log in memory: all events after `after` (exclusive) up to `through` (inclusive) that the filter
 * selects, from one server. It holds at most 5,000 events or 8 MB, and drops the oldest ones.
 */
import type { RecordedEvent } from '../event.ts'
import type { EventFilter } from '../input/event-filter.ts'
import type { LogPage } from '../storage/log-query.ts'
import { copyOfEvent } from './event-copy.ts'
import { covers } from './event-selection.ts'

const maxEvents = 5_000
const maxSegmentBytes = 8_388_608
const assumedBytesOfEvent = 500

/** Returns about how many bytes the events of a page take. Decodes the page if it does not have the number. */
export function bytesOf(page: LogPage): number {
  return page.bytes ?? page.events.length * assumedBytesOfEvent
}

/** The state of the log when a page was read. */
export type LogFacts = Pick<LogPage, 'frontier' | 'readAt' | 'head' | 'server'>

export function factsOf({ frontier, readAt, head, server }: LogPage): LogFacts {
  return { frontier, readAt, ...(head !== undefined && { head }), ...(server !== undefined && { server }) }
}

/** The events that a member asks for. */
export interface SegmentQuery {
  readonly after: number
  readonly until: number
  readonly limit: number
  readonly filter: EventFilter
  readonly selects: (event: RecordedEvent) => boolean
}

export class Segment {
  #filter: EventFilter = {}
  #after: number
  #through: number
  #facts: LogFacts
  #events: RecordedEvent[] = []
  /** About how many bytes each event takes. */
  #sizes: number[] = []
  #bytes = 0
  /** The average number of bytes of an event, in the last page that had events. */
  #bytesOfEvent = assumedBytesOfEvent

  /** The segment begins where the page ends, and has no events. So it is complete for every filter. */
  constructor(page: LogPage) {
    this.#after = page.through
    this.#through = page.through
    this.#facts = factsOf(page)
  }

  get after(): number {
    return this.#after
  }

  get through(): number {
    return this.#through
  }

  /** The filter of the next page. */
  get filter(): EventFilter {
    return this.#filter
  }

  get frontier(): number {
    return this.#facts.frontier
  }

  get server(): string | undefined {
    return this.#facts.server
  }

  /** The limit of the next page: it must fill at most half of the segment. */
  get eventsToAsk(): number {
    return Math.max(1, Math.min(maxEvents / 2, Math.floor(maxSegmentBytes / 2 / this.#bytesOfEvent)))
  }

  /**
   * Sets the filter of the next page. From then on, the segment is complete for this filter only. If the segment may lack
   * events of the filter, it drops all its events, and begins at its end.
   */
  setFilter(filter: EventFilter): void {
    if (!this.covers(filter)) {
      this.#drop(this.#events.length)
      this.#after = this.#through
    }
    this.#filter = filter
  }

  /** Whether the segment has all events in its range that the filter selects. */
  covers(filter: EventFilter): boolean {
    return covers(this.#filter, filter)
  }

  /** Whether the page comes from the same server, and the log on it has not lost events of the segment. */
  isContinuedBy({ server, head, frontier }: LogPage): boolean {
    return server === this.#facts.server && (head ?? frontier) >= this.#through
  }

  /** Appends the next page. */
  add(page: LogPage): void {
    const { events } = page
    if (events.length > 0) this.#bytesOfEvent = Math.max(1, bytesOf(page) / events.length)
    for (const event of events) {
      this.#events.push(event)
      this.#sizes.push(this.#bytesOfEvent)
    }
    this.#bytes += this.#bytesOfEvent * events.length
    this.#through = Math.max(this.#through, page.through)
    this.#facts = factsOf(page)
    let [surplus, bytes] = [0, this.#bytes]
    while (this.#events.length - surplus > maxEvents || bytes > maxSegmentBytes) {
      bytes -= this.#sizes[surplus++] ?? bytes
    }
    this.#drop(surplus)
  }

  /** Drops the oldest events. */
  #drop(count: number): void {
    if (count === 0) return
    const last = this.#events[count - 1] as RecordedEvent
    this.#after = last.position
    this.#events.splice(0, count)
    for (const size of this.#sizes.splice(0, count)) this.#bytes -= size
    if (this.#events.length === 0) this.#bytes = 0
  }

  /** Whether the segment has an event after the position (exclusive) that the member wants. */
  hasEvent(after: number, { filter, selects }: Pick<SegmentQuery, 'filter' | 'selects'>): boolean {
    if (!this.covers(filter)) return false
    for (let at = this.#indexAfter(after); at < this.#events.length; at++) {
      if (selects(this.#events[at] as RecordedEvent)) return true
    }
    return false
  }

  /** Returns a page with copies of the events that the member wants; undefined if the segment may lack one of them. */
  page({ after, until, limit, filter, selects }: SegmentQuery): LogPage | undefined {
    if (after < this.#after || after > this.#through || !this.covers(filter)) return undefined
    const events: RecordedEvent[] = []
    for (let at = this.#indexAfter(after); at < this.#events.length && events.length < limit; at++) {
      const event = this.#events[at] as RecordedEvent
      if (event.position > until) break
      if (selects(event)) events.push(copyOfEvent(event))
    }
    const full = events.length === limit
    const through = full ? (events.at(-1) as RecordedEvent).position : this.#through
    return { ...this.#facts, events, full, through }
  }

  #indexAfter(position: number): number {
    let [low, high] = [0, this.#events.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#events[middle] as RecordedEvent).position > position) high = middle
      else low = middle + 1
    }
    return low
  }
}
