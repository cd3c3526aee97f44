/**
 * Sends a live view as Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html). One frame for
 * each change, which the browser may resume after:
 *
 *     event: change
 *     id: <generation>-<position>
 *     data: { "key": "blanket", "state": { … }, "revision": 3, "position": 120, "generation": 1, "reset": false }
 */
import { hasCode, type InvalidInputError } from '../errors/index.ts'
import { checkInteger } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import type { View, WatchOptions } from '../projection/view.ts'
import type { DocumentChange, PrefixChange } from '../projection/view-document.ts'
import { checkRequest } from './check-request.ts'
import { streamOfFrames } from './frame-stream.ts'

/** What to watch, and how often to send something. */
export interface SseOptions {
  /** Watches the document with this key. Give either `key` or `prefix`. */
  readonly key?: string | undefined
  /** Watches all documents whose key begins with this text; an empty text stands for all. */
  readonly prefix?: string | undefined
  /**
   * After how long without a change to send a comment, in milliseconds, so that proxies keep the connection and a dead
   * client is noticed. @default 15,000
   */
  readonly heartbeat?: number | undefined
  /** How long the browser waits before it connects again, in milliseconds. @default 2,000 */
  readonly retry?: number | undefined
}

type Change = DocumentChange<unknown> | PrefixChange<unknown>

/**
 * Returns a response that sends the present state, and then each change, until the client disconnects. If the request has
 * the header `Last-Event-ID`, or else the query parameter `lastEventId`, it sends what has changed since that frame. It
 * answers 400 if `key` or `prefix` breaks the input rules.
 * @throws InvalidInputError if the view cannot be watched, or an option is wrong that no client chooses
 */
export function sse<State>(
  view: Pick<View<State>, 'watch'>,
  request: Request,
  options: SseOptions,
): Response {
  const {
    key,
    prefix,
    heartbeat = 15_000,
    retry = 2_000,
  } = optionsOf(options, ['key', 'prefix', 'heartbeat', 'retry'])
  checkInteger(heartbeat, 'heartbeat', 1, longestTimer)
  checkInteger(retry, 'retry', 0, longestTimer)
  if (key === undefined && prefix === undefined) refuse('key', 'must be given, or else prefix', key)
  if (key !== undefined && prefix !== undefined)
    refuse('prefix', 'must not be given together with key', prefix)
  if (readSafely('view', view, () => typeof view?.watch) !== 'function') {
    refuse('view', 'must be a view of the store', view)
  }
  checkRequest(request)
  const { signal, lastEventId } = readSafely('request', request, () => ({
    signal: request.signal,
    lastEventId: request.headers.get('last-event-id') ?? new URL(request.url).searchParams.get('lastEventId'),
  }))
  const stop = new AbortController()
  const watch = (resume: WatchOptions) => {
    const all = { ...resume, signal: stop.signal }
    return key === undefined ? view.watch({ prefix: prefix ?? '' }, all) : view.watch(key, all)
  }
  let first: AsyncIterable<Change>
  try {
    first = watch(placeOf(lastEventId))
  } catch (error) {
    if (hasCode(error, 'invalid-input') && /^keys/.test(error.field)) return badRequest(error, key)
    throw error
  }
  const body = streamOfFrames(framesOf(first, watch), {
    start: `retry: ${retry}\n\n`,
    heartbeat,
    stop,
    signal,
  })
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      // Without it, nginx would keep frames back.
      'x-accel-buffering': 'no',
    },
  })
}

// The longest time that a timer of Node.js can run, in milliseconds.
const longestTimer = 2 ** 31 - 1

/** Yields frames until the watch ends. An error becomes the last frame. */
async function* framesOf(
  first: AsyncIterable<Change>,
  watch: (resume: WatchOptions) => AsyncIterable<Change>,
): AsyncGenerator<string, void, undefined> {
  let changes = first
  for (;;) {
    try {
      for await (const change of changes) yield frameOf(change)
      return
    } catch (error) {
      // A closed store is about to be replaced: the client connects again, and another process answers.
      if (hasCode(error, 'store-closed')) return
      if (!hasCode(error, 'log-truncated')) {
        yield `event: error\ndata: ${JSON.stringify({ code: codeOf(error) })}\n\n`
        return
      }
      // The log has lost events that the client has seen. The present state replaces what the client shows.
      changes = watch({})
    }
  }
}

/** JSON has no raw line break, so that the data is one line. */
function frameOf(change: Change): string {
  const event = change.reset ? 'reset' : 'change'
  // JSON has no undefined.
  const data = 'documents' in change ? change : { ...change, state: change.state ?? null }
  return `event: ${event}\nid: ${change.generation}-${change.position}\ndata: ${JSON.stringify(data)}\n\n`
}

/** An id that another service has made, or an old one, counts as none: the client gets the present state. */
function placeOf(lastEventId: string | null): WatchOptions {
  const [, generation, after] = /^(\d{1,15})-(\d{1,15})$/.exec(lastEventId ?? '') ?? []
  return after === undefined ? {} : { generation: Number(generation), after: Number(after) }
}

function codeOf(error: unknown): string {
  const code: unknown = (error as { readonly code?: unknown } | null)?.code
  return typeof code === 'string' ? code : 'internal'
}

/** The answer to a client that asks for a key that no document can have (RFC 9457). */
function badRequest({ code, field, message }: InvalidInputError, key: string | undefined): Response {
  const problem = {
    type: `https://github.com/eventsourced/core/blob/main/docs/errors.md#${code}`,
    title: 'Invalid input',
    status: 400,
    detail: message,
    code,
    field: field === 'keys' && key !== undefined ? 'key' : 'prefix',
  }
  return new Response(JSON.stringify(problem), {
    status: 400,
    headers: { 'content-type': 'application/problem+json' },
  })
}
