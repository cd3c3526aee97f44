/** Refuses every action of a console that only shows. One check for all: no action can forget it. */
import type { MiddlewareHandler } from 'hono'
import type { ConsoleContext } from '../options.ts'
import { Refusal } from '../refusal.ts'
import { isChange } from './bodies.ts'

export function readOnlyCheck({ isReadOnly }: ConsoleContext): MiddlewareHandler {
  return async (c, next) => {
    if (isReadOnly && isChange(c.req.method)) {
      throw new Refusal(
        403,
        'read-only',
        'Read-only',
        'This console shows the store, and changes nothing in it.',
      )
    }
    await next()
  }
}
