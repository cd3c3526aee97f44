/** `@eventsourced/core/http/fastify`: fetch handlers as handlers of Fastify 5. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { checkFunction } from '../../input/checks.ts'
import { fetchRequest } from '../node/fetch-request.ts'

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
  send(response: Response): unknown
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
    const response = await handler(
      fetchRequest({ raw, response: reply.raw, protocol, url, parsedBody }),
      request,
    )
    return reply.send(response)
  }
}
