/** What the routes of the API share: their responses, and the store's time to answer. */
import { OpenAPIHono, type z } from '@hono/zod-openapi'
import type { ConsoleContext } from '../options.ts'
import { problemShape } from '../shapes/store.ts'

/** Routes that answer with JSON. A request with wrong parameters is thrown, and answered as a problem. */
export type Routes = OpenAPIHono

export function newRoutes(): Routes {
  return new OpenAPIHono({
    defaultHook: (result) => {
      if (!result.success) throw result.error
    },
  })
}

/** The responses of a route: the shape of its answer, and a problem. */
export function answers<Shape extends z.ZodType>(description: string, shape: Shape) {
  return {
    200: { description, content: { 'application/json': { schema: shape } } },
    default: {
      description: 'The request is refused, or the store has failed.',
      content: { 'application/problem+json': { schema: problemShape } },
    },
  } as const
}

/** Ends when the client leaves, or when the store has had its time. */
export function limitOf({ timeout }: ConsoleContext, request: Request): AbortSignal {
  return AbortSignal.any([request.signal, AbortSignal.timeout(timeout)])
}

/** A limit of work in steps, each of which has the whole time of the store. */
export interface RenewableLimit {
  readonly signal: AbortSignal
  /** Call it after each step. */
  readonly renew: () => void
  /** Call it after the work. */
  readonly end: () => void
}

export function renewableLimitOf({ timeout }: ConsoleContext, request: Request): RenewableLimit {
  const controller = new AbortController()
  const late = () => controller.abort(new DOMException('The store did not answer in time', 'TimeoutError'))
  const timer = setTimeout(late, timeout)
  return {
    signal: AbortSignal.any([request.signal, controller.signal]),
    renew: () => timer.refresh(),
    end: () => clearTimeout(timer),
  }
}
