/** `@eventsourced/core/http/fastify`: fetch handlers as handlers of Fastify 5. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { checkFunction } from '../../input/checks.ts'
import { fetchRequest, isForFetch } from '../node/fetch-request.ts'
import { problemResponse } from '../problem-response.ts'

/** What the adapter uses of a request of Fastify. */
export interface FastifyRequest {
  readonly raw: IncomingMessage
  readonly body: unknown
  readonly originalUrl: string
  readonly protocol: string
}

/** What the adapter uses of a reply of Fastify. */
export interface FastifyReply {
  readonly raw: ServerResponse
  status(code: number): unknown
  header(name: string, value: string): unknown
  getHeader(name: string): unknown
  send(body?: Readable): unknown
}

/**
 * Returns a Fastify handler that passes the request to a fetch handler, and sends its response. The second argument of
 * `handler` is the request of Fastify, for example for its `params`. What `handler` throws goes to the error handler of
 * Fastify; wrap it in `withProblems` to answer problems instead.
 * @throws InvalidInputError if `handler` is no function
 */
export function fastifyHandler<Req extends FastifyRequest>(
  handler: (request: Request, original: Req) => Response | Promise<Response>,
): (request: Req, reply: FastifyReply) => Promise<unknown> {
  checkFunction(handler, 'handler')
  return async function handle(request, reply) {
    const { raw, protocol, originalUrl: url, body: parsedBody } = request
    const response = isForFetch(raw)
      ? await handler(fetchRequest({ raw, response: reply.raw, protocol, url, parsedBody }), request)
      : problemResponse({ status: 501 })
    reply.status(response.status)
    for (const [name, value] of response.headers) {
      // What a plugin for CORS has set stays. Fastify itself adds up cookies.
      const before = name === 'vary' ? reply.getHeader(name) : undefined
      reply.header(name, before === undefined ? value : `${before}, ${value}`)
    }
    const { body } = response
    if (body !== null && raw.method !== 'HEAD')
      return reply.send(Readable.fromWeb(body as NodeReadableStream))
    await body?.cancel()
    return reply.send()
  }
}
