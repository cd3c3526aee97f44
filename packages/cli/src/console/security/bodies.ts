/** Refuses bodies that no action needs: of another type than JSON, or too large. */
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { Refusal } from '../refusal.ts'

const mostBytes = 64 * 1_024

export const smallBodies: MiddlewareHandler = bodyLimit({
  maxSize: mostBytes,
  onError: () => {
    throw new Refusal(413, 'body-too-large', 'Body too large', `A body may have at most ${mostBytes} bytes.`)
  },
})

/** A form of a foreign page cannot send this type. */
export const jsonBodies: MiddlewareHandler = async (c, next) => {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (isChange(c.req.method) && type !== 'application/json') {
    throw new Refusal(
      415,
      'json-needed',
      'JSON needed',
      'Send a JSON body, with `content-type: application/json`.',
    )
  }
  await next()
}

/**
 * Ends the body of an answer to HEAD, which gets none. Hono makes it as for GET, and one of events would be made without an
 * end.
 */
export const headWithoutBody: MiddlewareHandler = async (c, next) => {
  await next()
  if (c.req.raw.method !== 'HEAD' || c.res.body === null) return
  const { body, headers, status } = c.res
  await body.cancel()
  c.res = new Response(null, { headers, status })
}

/** Whether a request of this method changes something. */
export function isChange(method: string): boolean {
  return !['GET', 'HEAD', 'OPTIONS'].includes(method)
}
