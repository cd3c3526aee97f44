/** The headers that tell a browser what the console may do: run its own script, and nothing else. */
import type { MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'

const self = ["'self'"]
const none = ["'none'"]

export const protectiveHeaders: MiddlewareHandler = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: none,
    scriptSrc: self,
    styleSrc: self,
    connectSrc: self,
    imgSrc: ["'self'", 'data:'],
    baseUri: none,
    formAction: none,
    frameAncestors: none,
  },
  xFrameOptions: 'DENY',
  // Whether a host speaks TLS alone is for its owner to say.
  strictTransportSecurity: false,
})

/** The answers of the API have data of the store, so no cache may keep them. */
export const uncached: MiddlewareHandler = async (c, next) => {
  await next()
  c.res.headers.set('Cache-Control', 'no-store')
}
