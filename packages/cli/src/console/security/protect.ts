/** The order of all checks of a request. Every request of the console passes them before anything else. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { ConsoleContext } from '../options.ts'
import { headWithoutBody, jsonBodies, smallBodies } from './bodies.ts'
import { protectiveHeaders, uncached } from './headers.ts'
import { hostCheck } from './host.ts'
import { originCheck } from './origin.ts'
import { readOnlyCheck } from './read-only.ts'
import { TokenCheck } from './token.ts'

/** Adds the checks of all requests. Returns the check of the token, if the console has one. */
export function protect(app: OpenAPIHono, context: ConsoleContext): TokenCheck | undefined {
  app.use(protectiveHeaders, hostCheck(context), originCheck)
  if (context.token === undefined) return undefined
  const check = new TokenCheck(context.token)
  app.use(check.page)
  return check
}

/** Adds the checks of all requests that do not ask for the page or one of its files. */
export function protectApi(app: OpenAPIHono, context: ConsoleContext, token: TokenCheck | undefined): void {
  app.use(uncached, headWithoutBody)
  if (token !== undefined) app.use(token.api)
  app.use(readOnlyCheck(context), jsonBodies, smallBodies)
}
