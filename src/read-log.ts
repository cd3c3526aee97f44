/** Reading the log page by page, to its end or on and on; while a full page is shown, the next one is fetched. */
import { InvalidInputError } from './errors.ts'
import type { RecordedEvent } from './event.ts'
import { checkInteger, checkNames, checkOneOf, checkReadName } from './input.ts'
import type { Operations } from './operations.ts'
import type { LogPage, LogQuery, Storage } from './storage.ts'
import type { ReadAllOptions } from './store.ts'
import type { Wakeup } from './wakeup.ts'

const eventsPerPage = 1000

// How long a follower that found nothing sleeps: doubling from the first to the last, unless woken before.
const shortestSleep = 5
const longestSleep = 250

/** Checks the options at once, so that a mistake shows where it was made, and reads when iterated. */
export function readLog(
  storage: Pick<Storage, 'readLog'>,
  options: ReadAllOptions,
  wakeup: Wakeup,
  operations: Operations,
): AsyncIterable<RecordedEvent> {
  const { after = 0, until = Number.MAX_SAFE_INTEGER, types, streamPrefix, tags } = options
  const { direction = 'forward', limit = Number.MAX_SAFE_INTEGER, follow = false, signal } = options
  checkInteger(after, 'after', 0)
  checkInteger(until, 'until', 0)
  checkInteger(limit, 'limit', 1)
  checkOneOf(direction, 'direction', ['forward', 'backward'])
  if (types !== undefined)
    checkNames(types, 'types', 'must name at least one event type; leave it out for all')
  if (streamPrefix !== undefined) checkReadName(streamPrefix, 'streamPrefix')
  if (tags !== undefined) checkNames(tags, 'tags', 'must name at least one tag; leave it out for all')
  if (follow && direction === 'backward') {
    throw new InvalidInputError('follow', 'goes with direction forward only', 'backward')
  }
  const query = {
    after,
    until,
    types: types && [...types],
    streamPrefix,
    tags: tags && [...tags],
    partition: undefined,
    direction,
    limit,
  }
  return pages(storage, query, follow, signal, wakeup, operations)
}

interface Look {
  readonly page: Promise<LogPage>
  /** How often this process had appended before. */
  readonly wakeups: number
}

async function* pages(
  storage: Pick<Storage, 'readLog'>,
  query: LogQuery,
  follow: boolean,
  signal: AbortSignal | undefined,
  wakeup: Wakeup,
  operations: Operations,
): AsyncGenerator<RecordedEvent> {
  let { after, until, limit: left } = query
  let nap = shortestSleep
  let ahead: Look | undefined

  function look(): Look {
    const request = { ...query, after, until, limit: Math.min(left, eventsPerPage) }
    return {
      wakeups: wakeup.count,
      page: operations.perform(signal, () => storage.readLog(request, signal)),
    }
  }

  while (left > 0 && after < until) {
    const present = ahead ?? look()
    const page = await present.page
    // What was fetched ahead is not shown any more if the store was closed meanwhile.
    if (present === ahead) operations.checkOpen()
    ahead = undefined
    // Of a page that is not counted nothing is decoded yet.
    if (left < Number.MAX_SAFE_INTEGER) left -= page.events.length
    if (query.direction === 'backward') until = page.through - 1
    else after = page.through
    // What comes after the first look at the end belongs to a later reading, or this one might never end.
    if (!follow) until = Math.min(until, page.frontier)
    if (page.full && left > 0 && after < until) {
      ahead = look()
      // Its error is the reader's once it gets there, and nobody's if it never does.
      ahead.page.catch(() => {})
      // So that it is on its way while this page is decoded and shown.
      await new Promise(setImmediate)
    }
    for (const event of page.events) {
      signal?.throwIfAborted()
      yield event
    }
    if (page.full) continue
    if (!follow || page.frontier >= until) return
    if (page.events.length > 0) nap = shortestSleep
    await wakeup.wait(nap, present.wakeups, signal)
    nap = Math.min(nap * 2, longestSleep)
  }
}
