/** `GET /api/streams`: the streams of the store, page by page. */
import { createRoute, z } from '@hono/zod-openapi'
import type { ConsoleContext } from '../options.ts'
import { type StreamShape, streamPageShape } from '../shapes/stream.ts'
import { answers, limitOf, newRoutes, pageSize, type Routes } from './route.ts'

const listStreams = createRoute({
  method: 'get',
  path: '/streams',
  summary: 'Lists streams by id.',
  request: {
    query: z.object({
      prefix: z.string().optional().openapi({ description: 'only ids that begin with this text' }),
      after: z.string().optional().openapi({ description: 'only ids after this one' }),
      limit: pageSize,
    }),
  },
  responses: answers('A page of streams.', streamPageShape),
})

export function streamRoutes(context: ConsoleContext): Routes {
  const { store } = context
  return newRoutes().openapi(listStreams, async (c) => {
    const { limit, ...query } = c.req.valid('query')
    const signal = limitOf(context, c.req.raw)
    const streams: StreamShape[] = []
    for await (const stream of store.listStreams({ ...query, limit, signal })) {
      const { createdAt, lastRecordedAt, ...facts } = stream
      streams.push({
        ...facts,
        metadata: { ...facts.metadata },
        createdAt: createdAt.toISOString(),
        ...(lastRecordedAt && { lastRecordedAt: lastRecordedAt.toISOString() }),
      })
    }
    const next = streams.length === limit ? streams.at(-1)?.streamId : undefined
    return c.json({ streams, ...(next !== undefined && { next }) }, 200)
  })
}
