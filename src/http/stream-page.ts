/** A stream as JSON, page by page. */
import { storedEventsOf } from '../catalogue/stored-slice.ts'
import type { Event, RecordedEvent } from '../event.ts'
import { checkFunction, checkInteger } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { refuse } from '../input/refusal.ts'
import type { Direction, ReadStreamOptions } from '../reads.ts'
import type { EventStore } from '../store.ts'
import { checkRequest } from './check-request.ts'
import { entityTag, isNotModified } from './entity-tag.ts'
import { notFound } from './not-found.ts'
import { problemResponse } from './problem-response.ts'

/** The options of `streamPage`. */
export interface StreamPageOptions {
  /** The number of events of a page if the request names none. @default 100, or `maxLimit` if that is less */
  readonly limit?: number | undefined
  /** The largest `?limit` that a request may name. @default 1,000 */
  readonly maxLimit?: number | undefined
  /** Returns what the client may see of an event. @default the whole event, with its metadata */
  readonly show?: ((event: RecordedEvent) => unknown) | undefined
}

/**
 * Answers a GET request with a page of a stream: `{ streamId, version, events }`. The query says which: `from` (the first
 * version, inclusive; backward the highest one), `limit`, `direction` (`forward` or `backward`) and `asOf` (a time such as
 * `2027-03-01T00:00:00Z`). `Link` has the address of the next page, `ETag` the version of the stream. Answers 304 if the
 * client has this version, 404 if the stream does not exist, and 405 for another method.
 * @throws InvalidInputError if an option or a parameter is wrong, or is given twice
 */
export async function streamPage<E extends Event>(
  store: Pick<EventStore<E>, 'readStream'>,
  request: Request,
  streamId: string,
  options?: StreamPageOptions,
): Promise<Response> {
  const { maxLimit = 1_000, show = (event: RecordedEvent): unknown => event } = optionsOf(options, [
    'maxLimit',
    'show',
  ])
  checkInteger(maxLimit, 'maxLimit', 1, 2 ** 31 - 1)
  const { limit: usual = Math.min(100, maxLimit) } = optionsOf(options, ['limit'])
  checkInteger(usual, 'limit', 1, maxLimit)
  checkFunction(show, 'show')
  checkRequest(request)
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return problemResponse({ status: 405, headers: { Allow: 'GET, HEAD' } })
  }

  const { query, from, direction, asOf, limit = usual } = pageOf(request, maxLimit)
  // One event more than the page shows whether there is a next page.
  const window: ReadStreamOptions = {
    direction,
    limit: limit + 1,
    asOf,
    signal: request.signal,
    ...(direction === 'forward' ? { fromVersion: from } : { toVersion: from }),
  }
  const slice = await store.readStream(streamId, window)
  if (!slice.exists) return notFound()
  const tag = entityTag(slice.version)
  const headers = new Headers({ ETag: tag })
  // The versions are those of the stored events: a catalogue may read one as several events, or as none.
  const next = storedEventsOf(slice)[limit]?.version
  if (next !== undefined) headers.set('Link', `<?${nextQuery(query, next)}>; rel="next"`)
  if (isNotModified(request, tag)) return new Response(null, { status: 304, headers })

  const isOnPage = ({ version }: RecordedEvent) =>
    next === undefined || (direction === 'forward' ? version < next : version > next)
  const events = slice.events.filter(isOnPage).map(show)
  headers.set('Content-Type', 'application/json')
  return new Response(JSON.stringify({ streamId, version: slice.version, events }), { headers })
}

interface Page {
  readonly query: URLSearchParams
  readonly from: number | undefined
  readonly limit: number | undefined
  readonly direction: Direction
  readonly asOf: Date | undefined
}

function pageOf(request: Request, maxLimit: number): Page {
  const query = new URL(request.url).searchParams
  const direction = parameter(query, 'direction') ?? 'forward'
  if (direction !== 'forward' && direction !== 'backward') {
    refuse('?direction', "must be 'forward' or 'backward'", direction)
  }
  return {
    query,
    from: wholeNumber(query, 'from', Number.MAX_SAFE_INTEGER),
    limit: wholeNumber(query, 'limit', maxLimit),
    direction,
    asOf: time(query, 'asOf'),
  }
}

function parameter(query: URLSearchParams, name: string): string | undefined {
  const [value, second] = query.getAll(name)
  if (second !== undefined) refuse(`?${name}`, 'must be given once', second)
  return value
}

function wholeNumber(query: URLSearchParams, name: string, most: number): number | undefined {
  const text = parameter(query, name)
  if (text === undefined) return undefined
  const value = /^\d{1,16}$/.test(text) ? Number(text) : text
  checkInteger(value, `?${name}`, 1, most)
  return value
}

/** A time without an offset would depend on the time zone of the server, so it is refused. */
function time(query: URLSearchParams, name: string): Date | undefined {
  const text = parameter(query, name)
  if (text === undefined) return undefined
  const date = new Date(/^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text) ? text : Number.NaN)
  if (Number.isNaN(date.getTime())) {
    refuse(`?${name}`, 'must be a time with an offset, such as 2027-03-01T00:00:00Z (encode + as %2B)', text)
  }
  return date
}

/** The address is relative to that of the request, so that it is right behind any proxy. */
function nextQuery(query: URLSearchParams, next: number): string {
  const changed = new URLSearchParams(query)
  changed.set('from', String(next))
  return changed.toString()
}
