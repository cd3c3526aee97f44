/** Reading the log page by page, to its end or on and on; while a full page is shown, the next one is fetched. */
import { InvalidInputError, LogTruncatedError } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import { checkBoolean, checkInteger, checkOneOf } from '../input/checks.ts'
import { checkedFilter } from '../input/event-filter.ts'
import { optionsOf } from '../input/options.ts'
import type { Operations } from '../runtime/operations.ts'
import type { Wakeup } from '../runtime/wakeup.ts'
import type { LogPage, LogQuery } from '../storage/log-query.ts'
import type { Storage } from '../storage/storage.ts'
import type { ReadAllOptions } from '../store.ts'

const eventsPerPage = 1000

// How long a follower that found nothing sleeps: doubling from the first to the last, unless woken before.
const shortestSleep = 5
const longestSleep = 250

/** Checks the options at once, so that a mistake shows where it was made, and reads when iterated. */
export function readLog(
  storage: Pick<Storage, 'readLogPage'>,
  options: ReadAllOptions | undefined,
  wakeup: Wakeup,
  operations: Operations,
): AsyncIterable<RecordedEvent> {
  const {
    after = 0,
    until = Number.MAX_SAFE_INTEGER,
    limit = Number.MAX_SAFE_INTEGER,
  } = optionsOf(options, ['after', 'until', 'limit'])
  const { types, streamPrefix, tags } = optionsOf(options, ['types', 'streamPrefix', 'tags'])
  const {
    direction = 'forward',
    follow = false,
    signal,
  } = optionsOf(options, ['direction', 'follow', 'signal'])
  checkInteger(after, 'after', 0)
  checkInteger(until, 'until', 0)
  checkInteger(limit, 'limit', 1)
  checkOneOf(direction, 'direction', ['forward', 'backward'])
  checkBoolean(follow, 'follow')
  const filter = checkedFilter({ types, streamPrefix, tags })
  if (follow && direction === 'backward') {
    throw new InvalidInputError('follow', 'goes with direction forward only', 'backward')
  }
  const query = {
    after,
    until,
    ...filter,
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
  storage: Pick<Storage, 'readLogPage'>,
  query: LogQuery,
  follow: boolean,
  signal: AbortSignal | undefined,
  wakeup: Wakeup,
  operations: Operations,
): AsyncGenerator<RecordedEvent> {
  let { after, until, limit: left } = query
  let nap = shortestSleep
  let ahead: Look | undefined
  let last: RecordedEvent | undefined
  let server: string | undefined

  /** The server that answers now, which must have this event. */
  async function serverThatHas(event: RecordedEvent | undefined): Promise<string | undefined> {
    if (event === undefined) return undefined
    const { position, id } = event
    const everything = { types: undefined, streamPrefix: undefined, tags: undefined }
    const only = { ...query, ...everything, after: position - 1, until: position, limit: 1 }
    const page = await operations.perform(signal, () => storage.readLogPage(only, signal))
    if (page.events[0]?.id !== id) throw new LogTruncatedError(position, 'the event that was read is no more')
    return page.server
  }

  function look(): Look {
    const request = { ...query, after, until, limit: Math.min(left, eventsPerPage) }
    return {
      wakeups: wakeup.count,
      page: operations.perform(signal, () => storage.readLogPage(request, signal)),
    }
  }

  while (left > 0 && after < until) {
    const present = ahead ?? look()
    const page = await present.page
    // What was fetched ahead is not shown any more if the store was closed meanwhile.
    if (present === ahead) operations.checkOpen()
    ahead = undefined
    if (query.direction === 'forward') {
      if (server !== undefined && page.server !== server) {
        // It may have lost the end of what was read, and positions there may be other events' by now.
        server = await serverThatHas(last)
        after = last?.position ?? query.after
        continue
      }
      server = page.server
      const head = page.head ?? page.frontier
      if (after > head) throw new LogTruncatedError(after, `the log ends at ${head}`)
    }
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
    last = page.events.at(-1) ?? last
    if (page.full) continue
    if (!follow || page.frontier >= until) return
    if (page.events.length > 0) nap = shortestSleep
    await wakeup.wait(nap, present.wakeups, signal)
    nap = Math.min(nap * 2, longestSleep)
  }
}
