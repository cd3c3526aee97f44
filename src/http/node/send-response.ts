/** Sends a fetch Response through a response of Node.js. */
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'

/** Headers that add to what a middleware has set, such as cookies; other headers replace it. */
const adding = ['set-cookie', 'vary']

/**
 * Sends the response, and keeps the headers that middlewares have set before. Resolves when the client has all of it, or
 * has gone away.
 * @throws the error of the response's body, if reading it fails
 */
export async function sendResponse(response: Response, to: ServerResponse): Promise<void> {
  to.statusCode = response.status
  if (response.statusText !== '') to.statusMessage = response.statusText
  for (const [name, value] of response.headers) {
    if (adding.includes(name)) to.appendHeader(name, value)
    else to.setHeader(name, value)
  }
  const { body } = response
  if (body === null || to.req.method === 'HEAD') {
    await body?.cancel()
    to.end()
    return
  }
  // The client of an event stream waits for the headers, long before the first event.
  to.flushHeaders()
  try {
    await pipeline(Readable.fromWeb(body as NodeReadableStream), to)
  } catch (error) {
    // The client has gone away. The pipeline has cancelled the body.
    if ((error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE') return
    throw error
  }
}
