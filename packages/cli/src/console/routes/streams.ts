/** `GET /api/streams`: the streams of the store, page by page. */
import { createRoute, z } from '@hono/zod-openapi'
import { newestStreams } from '../newest-streams.ts'
import type { ConsoleContext } from '../options.ts'
import { Refusal } from '../refusal.ts'
import { type StreamPage, streamPageShape } from '../shapes/stream.ts'
import { shownStream } from '../values/stream.ts'
import { pageSize, text } from './query.ts'
import { answers, limitOf, newRoutes, type Routes } from './route.ts'

const listStreams = createRoute({
  method: 'get',
  path: '/streams',
  summary: 'Lists streams: by id, the newest first, or the largest first.',
  request: {
    query: z.strictObject({
      order: z.enum(['id', 'newest', 'largest']).default('id').openapi({
        description:
          'by id; by their last event, which leaves out streams without events; or by their number of events, which has one page',
      }),
      prefix: text('only ids that begin with this text'),
      after: text('the `next` of the page before'),
      limit: pageSize,
    }),
  },
  responses: answers(
    'A page of streams. A page of the newest may have fewer streams than `limit`, or none, and still name a next one.',
    streamPageShape,
  ),
})

interface StreamsQuery {
  readonly prefix: string | undefined
  readonly after: string | undefined
  readonly limit: number
}

export function streamRoutes(context: ConsoleContext): Routes {
  const { store } = context

  async function byId({ prefix, after, limit }: StreamsQuery, signal: AbortSignal): Promise<StreamPage> {
    const streams: StreamPage['streams'] = []
    // One more than the page has: if it comes, there is a next page.
    for await (const stream of store.listStreams({ prefix, after, limit: limit + 1, signal })) {
      if (streams.length === limit) return { streams, next: streams.at(-1)?.streamId }
      streams.push(shownStream(context, stream))
    }
    return { streams }
  }

  async function newest(query: StreamsQuery, signal: AbortSignal): Promise<StreamPage> {
    const { after, prefix } = query
    const isPlace = prefix === undefined ? /^\d{1,16}$/ : /^\d{1,16}( .+)?$/s
    if (after !== undefined && !isPlace.test(after)) refuse('after', 'must be the `next` of a page')
    const { streams, next } = await newestStreams(store, { ...query, signal })
    return {
      streams: streams.map((stream) => shownStream(context, stream)),
      ...(next !== undefined && { next }),
    }
  }

  async function largest({ prefix, after, limit }: StreamsQuery, signal: AbortSignal): Promise<StreamPage> {
    if (after !== undefined)
      refuse('after', 'goes with the orders `id` and `newest`: the largest are one page')
    const streams: StreamPage['streams'] = []
    for await (const stream of store.listStreams({ order: 'largest', prefix, limit, signal })) {
      streams.push(shownStream(context, stream))
    }
    return { streams }
  }

  const pages = { id: byId, newest, largest }
  return newRoutes().openapi(listStreams, async (c) => {
    const { order, ...query } = c.req.valid('query')
    return c.json(await pages[order](query, limitOf(context, c.req.raw)), 200)
  })
}

function refuse(parameter: string, message: string): never {
  throw new Refusal(400, 'invalid-input', 'Invalid input', `${parameter}: ${message}`)
}
