/**
 * Reads the log page by page, to its end or following it. While a full page is returned, it fetches the next one. A
 * follower that has reached the end waits there together with all other members of the store's reader.
 */
import type { TypeFilter } from '../catalogue/type-filter.ts'
import type { Upcast } from '../catalogue/upcast.ts'
import { LogTruncatedError } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import type { Operations } from '../runtime/operations.ts'
import type { LogPage, LogQuery } from '../storage/log-query.ts'
import type { Storage } from '../storage/storage.ts'
import type { LogMember } from './log-reader.ts'

const eventsPerPage = 1000
// The limit of a page if a reader wants fewer events, and the catalogue may leave some out: not one page for each event.
const leastEventsPerPage = 100

/** The events of a page, as they are today. */
export interface EventsOfPage {
  readonly events: readonly RecordedEvent[]
  /** The position up to which the page has answered the query. */
  readonly through: number
}

/**
 * Yields the pages of a query. `follower`: reads and waits if the reader follows the log. @throws LogTruncatedError in a
 * forward read, if the log ends before `after` or no longer contains the last event that was yielded
 */
export async function* logPages(
  storage: Pick<Storage, 'readLogPage'>,
  query: LogQuery,
  filter: TypeFilter,
  follower: Pick<LogMember, 'read' | 'wait'> | undefined,
  signal: AbortSignal,
  operations: Operations,
): AsyncGenerator<EventsOfPage, void, undefined> {
  let { after, until, limit: remaining } = query
  let prefetched: Promise<LogPage> | undefined
  /** Until then, a follower reads from the storage, so that it has all events that this process has written before. */
  let hasReachedEnd = false
  let last: RecordedEvent | undefined
  let server: string | undefined

  /** Returns the server that answers now. @throws LogTruncatedError if its log does not contain this event */
  async function serverWith(event: RecordedEvent | undefined): Promise<string | undefined> {
    if (event === undefined) return undefined
    const { position, id } = event
    const everything = { types: undefined, streamPrefix: undefined, tags: undefined }
    const only = { ...query, ...everything, after: position - 1, until: position, limit: 1 }
    const page = await operations.perform(signal, () => storage.readLogPage(only, signal))
    if (page.events[0]?.id !== id)
      throw new LogTruncatedError(position, 'the event that was read there is gone')
    return page.server
  }

  function requestPage(): Promise<LogPage> {
    // The catalogue may read some of the events as none, or as events that the filter does not select.
    const wanted = filter.mayLeaveOut ? Math.max(remaining, leastEventsPerPage) : remaining
    const request = { ...query, after, until, limit: Math.min(wanted, eventsPerPage) }
    const fromStorage = !hasReachedEnd
    return operations.perform(signal, () =>
      follower === undefined
        ? storage.readLogPage(request, signal)
        : follower.read({ ...request, server, fromStorage }, signal),
    )
  }

  while (remaining > 0 && after < until) {
    const request = prefetched ?? requestPage()
    const page = await request
    // A prefetched page must not be returned if the store was closed in the meantime.
    if (request === prefetched) operations.checkOpen()
    prefetched = undefined
    if (query.direction === 'forward') {
      if (server !== undefined && page.server !== server) {
        // This server may have lost the end of the log, and assigned its positions to other events. So read again from
        // the last event that was returned, if it is still there.
        server = await serverWith(last)
        after = last?.position ?? query.after
        continue
      }
      server = page.server
      const head = page.head ?? page.frontier
      if (after > head) throw new LogTruncatedError(after, `the log ends at ${head}`)
    }
    let today: Upcast | undefined
    const upcastPage = () => {
      today ??= firstOf(filter.today(page.events, query.direction), remaining)
      return today
    }
    // Without a limit nothing is counted: `events` may be a getter that decodes the page.
    if (remaining < Number.MAX_SAFE_INTEGER) remaining -= countStored(upcastPage().events)
    if (query.direction === 'backward') until = page.through - 1
    else after = page.through
    // A reader that does not follow ends at the frontier of its first page. Otherwise it might never reach the end.
    if (follower === undefined) until = Math.min(until, page.frontier)
    if (page.full && remaining > 0 && after < until) {
      prefetched = requestPage()
      // If this fails, the reader gets the error when it reaches that page. Until then it must not count as unhandled.
      prefetched.catch(() => {})
      // Lets the request leave before this page is decoded and returned.
      await new Promise(setImmediate)
    }
    const { events, unreadable } = upcastPage()
    yield { events, through: page.through }
    if (unreadable !== undefined) throw unreadable
    if (remaining === 0) return
    last = page.events.at(-1) ?? last
    if (page.full) continue
    if (follower === undefined || page.frontier >= until) return
    hasReachedEnd = true
    await operations.untilClosed(signal, (signal) => follower.wait(page.through, signal))
  }
}

/** The number of stored events behind today's events: the parts of a split event have one position, and count once. */
function countStored(events: readonly RecordedEvent[]): number {
  let count = 0
  let last = 0
  for (const { position } of events) {
    if (position !== last) count++
    last = position
  }
  return count
}

/** Returns today's events of the first stored ones. What follows them, also an event that cannot be read, is not wanted. */
function firstOf(today: Upcast, count: number): Upcast {
  const { events } = today
  if (events.length < count) return today
  let left = count
  let last = 0
  for (const [index, { position }] of events.entries()) {
    if (position !== last && left-- === 0) return { events: events.slice(0, index), unreadable: undefined }
    last = position
  }
  return left === 0 ? { events, unreadable: undefined } : today
}
