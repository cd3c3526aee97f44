/** Makes a fetch Request of a request of Node.js, for web frameworks that are built on Node's HTTP server. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { BodyAlreadyReadError } from '../../errors/index.ts'

/** What a web framework knows about a request. */
export interface IncomingRequest {
  readonly raw: IncomingMessage
  readonly response: ServerResponse
  readonly protocol: string
  /** The path and the query, as the client sent them. */
  readonly url: string
  /** What a body parser of the framework made of the body; undefined if none has read it. */
  readonly parsedBody: unknown
}

/**
 * Returns the request for a fetch handler. Its signal is aborted when the client goes away before the answer has ended.
 * @throws BodyAlreadyReadError if a body parser has read a body that cannot be restored
 */
export function fetchRequest(incoming: IncomingRequest): Request {
  const { raw, response } = incoming
  const controller = new AbortController()
  // A middleware may have waited before this call, and the client may have gone away meanwhile. No event tells it again.
  if (response.destroyed) controller.abort()
  response.once('close', () => {
    if (!response.writableFinished) controller.abort()
  })
  const headers = headersOf(raw)
  const { method = 'GET' } = raw
  const init: RequestInit & { duplex?: 'half' } = { method, headers, signal: controller.signal }
  if (method !== 'GET' && method !== 'HEAD') {
    const body = bodyOf(incoming)
    init.body = body as NonNullable<RequestInit['body']>
    if (body instanceof ReadableStream) init.duplex = 'half'
    else {
      // The parser has decoded the body, so these describe another one.
      for (const name of ['content-length', 'content-encoding', 'transfer-encoding']) headers.delete(name)
    }
  }
  return new Request(addressOf(incoming), init)
}

/** The Fetch standard forbids a Request with one of these methods, but a client may send them. */
export function isForFetch({ method = '' }: IncomingMessage): boolean {
  return !['CONNECT', 'TRACE', 'TRACK'].includes(method)
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    // A pseudo-header of HTTP/2.
    if (!name.startsWith(':')) headers.append(name, rawHeaders[index + 1] as string)
  }
  return headers
}

/** A client may send any text as Host, and a whole URL as the path. */
function addressOf({ raw, protocol, url }: IncomingRequest): string {
  const host = raw.headers[':authority'] ?? raw.headers.host
  const origin = `${protocol}://${host}`
  const { host: checkedHost } = new URL(URL.canParse(origin) ? origin : 'http://localhost')
  if (url.startsWith('/')) return `${protocol}://${checkedHost}${url}`
  const { pathname, search } = new URL(URL.canParse(url) ? url : 'http://localhost')
  return `${protocol}://${checkedHost}${pathname}${search}`
}

function bodyOf({ raw, response, parsedBody }: IncomingRequest): unknown {
  if (parsedBody === undefined && !raw.readableDidRead) return streamOf(raw, response)
  // A parser of the framework may hand the stream on.
  if (parsedBody === raw) return streamOf(raw, response)
  const contentType = raw.headers['content-type'] ?? ''
  if (typeof parsedBody === 'string' || parsedBody instanceof Uint8Array) return parsedBody
  if (parsedBody === undefined && isEmpty(raw)) return null
  if (parsedBody !== undefined && /^application\/([^;]+\+)?json\s*(;|$)/i.test(contentType)) {
    return JSON.stringify(parsedBody)
  }
  throw new BodyAlreadyReadError(contentType)
}

function isEmpty({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0
}

/**
 * Streams the body. Begins to read when the handler does: Node.js itself skips a body that no code has begun to read.
 * `skipRest` skips the rest of one that was begun; otherwise the connection could serve no further request.
 */
function streamOf(raw: IncomingMessage, response: ServerResponse): ReadableStream<Uint8Array> {
  let chunks: AsyncIterator<Uint8Array> | undefined
  let isDone = false
  const skipRest = async () => {
    if (chunks === undefined || isDone) return
    isDone = true
    await chunks.return?.()
    raw.resume()
  }
  response.once('finish', () => skipRest().catch(() => {}))
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        chunks ??= raw.iterator({ destroyOnReturn: false })
        const { done, value } = await chunks.next()
        if (!done) return controller.enqueue(value)
        isDone = true
        controller.close()
      },
      cancel: skipRest,
    },
    { highWaterMark: 0 },
  )
}
