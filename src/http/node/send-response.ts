/** Sends a fetch Response through a response of Node.js. */
import type { ServerResponse } from 'node:http'
import { checkResponse } from '../check-response.ts'

/** Headers that add to what a middleware has set, such as cookies; other headers replace it. */
const adding = ['set-cookie', 'vary']

/**
 * Sends the response, and keeps the headers that middlewares have set before. Resolves when all of it is written,
 * or the client has gone away.
 * @throws the error of the response's body, if reading it fails
 * @throws TypeError if it is no response
 */
export async function sendResponse(response: Response, to: ServerResponse): Promise<void> {
  checkResponse(response)
  // Its event `close` has been. Nothing else would end a body that has no end, such as an event stream.
  if (to.destroyed) return response.body?.cancel()
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
  // The client of an event stream waits for the headers, long before the first event. A body that is there goes with them.
  const flush = setImmediate(() => to.flushHeaders())
  const reader = body.getReader()
  // A read that waits then ends, and the source of the body learns that it has no reader any more.
  to.once('close', () => reader.cancel().catch(() => {}))
  try {
    for (;;) {
      const { done, value } = await reader.read()
      clearImmediate(flush)
      if (to.destroyed) return
      if (done) break
      if (!to.write(value)) await drained(to)
    }
    to.end()
  } catch (error) {
    clearImmediate(flush)
    // An end would look as if the body were complete.
    to.destroy()
    throw error
  }
}

/** Waits until the client has received what was written, or has gone away. */
function drained(to: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      to.off('drain', done)
      to.off('close', done)
      resolve()
    }
    to.on('drain', done)
    to.on('close', done)
  })
}
