/** Refuses requests that a foreign page lets a browser send. Programs send neither `Origin` nor `Sec-Fetch-Site`. */
import type { MiddlewareHandler } from 'hono'
import { placeIn } from '../place.ts'
import { Refusal } from '../refusal.ts'

/** A foreign page may link to the page of the console, and use nothing else of it. */
export const originCheck: MiddlewareHandler = async (c, next) => {
  const { method } = c.req
  const isPage = (method === 'GET' || method === 'HEAD') && ['', '/'].includes(placeIn(c))
  if (!isPage) {
    const site = c.req.header('sec-fetch-site')
    const isForeignSite = site !== undefined && site !== 'same-origin' && site !== 'none'
    if (isForeignSite || isForeign(c.req.header('origin'), c.req.header('host') ?? new URL(c.req.url).host)) {
      throw new Refusal(
        403,
        'foreign-origin',
        'Foreign origin',
        'Only the page of the console itself may send this request.',
      )
    }
  }
  await next()
}

/** A proxy may speak TLS for the console, so only host and port are compared. */
function isForeign(origin: string | undefined, host: string): boolean {
  if (origin === undefined) return false
  if (!URL.canParse(origin)) return true
  const { protocol, host: originHost } = new URL(origin)
  return !URL.canParse(`${protocol}//${host}`) || new URL(`${protocol}//${host}`).host !== originHost
}
