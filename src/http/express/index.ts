/** `@eventsourced/core/http/express`: fetch handlers as handlers of Express 5. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { checkFunction } from '../../input/checks.ts'
import { fetchRequest, isForFetch } from '../node/fetch-request.ts'
import { sendResponse } from '../node/send-response.ts'
import { problemResponse } from '../problem-response.ts'

/** What the adapter uses of a request of Express. */
export interface ExpressRequest extends IncomingMessage {
  readonly originalUrl: string
  readonly protocol: string
  readonly body?: unknown
}

/**
 * Returns an Express handler that passes the request to a fetch handler, and sends its response. The second argument of
 * `handler` is the request of Express, for example for its `params`. What `handler` throws goes to the error handlers of
 * Express; wrap it in `withProblems` to answer problems instead.
 * @throws InvalidInputError if `handler` is no function
 */
export function expressHandler<Req extends ExpressRequest>(
  handler: (request: Request, original: Req) => Response | Promise<Response>,
): (req: Req, res: ServerResponse, next: (error?: unknown) => void) => Promise<void> {
  checkFunction(handler, 'handler')
  return async function handle(req, res, next) {
    try {
      if (!isForFetch(req)) return await sendResponse(problemResponse({ status: 501 }), res)
      const { protocol, originalUrl: url, body: parsedBody } = req
      const request = fetchRequest({ raw: req, response: res, protocol, url, parsedBody })
      await sendResponse(await handler(request, req), res)
    } catch (error) {
      next(error)
    }
  }
}
