/** What the routes of the API share: their responses, and the store's time to answer. */
import { OpenAPIHono, z } from '@hono/zod-openapi'
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

/** Ends when the client leaves, when the store has had its time, or with the console. */
export function limitOf({ timeout, closing }: ConsoleContext, request: Request): AbortSignal {
  return AbortSignal.any([request.signal, closing, AbortSignal.timeout(timeout)])
}

export const pageSize = z.coerce.number().int().min(1).max(500).default(50).openapi({
  description: 'the largest number of results',
})
