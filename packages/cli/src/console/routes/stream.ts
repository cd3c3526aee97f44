/** `GET /api/stream`: the timeline of one stream. Its events are shown as they are stored. */
import { createRoute, z } from '@hono/zod-openapi'
import type { ConsoleContext } from '../options.ts'
import { timelineShape } from '../shapes/stream.ts'
import { listedEvent } from '../values/event.ts'
import { shownStream } from '../values/stream.ts'
import { NotFound } from './not-found.ts'
import { pageSize, required, whole } from './query.ts'
import { answers, limitOf, newRoutes, type Routes } from './route.ts'

const showStream = createRoute({
  method: 'get',
  path: '/stream',
  summary: 'Shows a stream and a page of its events, as they are stored.',
  request: {
    query: z.strictObject({
      id: required('the id of the stream'),
      from: whole(1, 'the version at which the page begins; by default the first, or the last one backward'),
      limit: pageSize,
      direction: z.enum(['forward', 'backward']).default('forward').openapi({
        description: 'by rising version, or by falling version',
      }),
      asOf: z.iso
        .datetime({ offset: true })
        .optional()
        .openapi({ description: 'only events that were recorded at or before this time' }),
    }),
  },
  responses: answers('The stream and a page of its events.', timelineShape),
})

export function timelineRoutes(context: ConsoleContext): Routes {
  const { store } = context
  return newRoutes().openapi(showStream, async (c) => {
    const { id, from, limit, direction, asOf } = c.req.valid('query')
    const signal = limitOf(context, c.req.raw)
    const [stream, { events }] = await Promise.all([
      store.streamInfo(id, { signal }),
      store.raw.readStream(id, {
        ...(direction === 'forward' ? { fromVersion: from } : { toVersion: from }),
        ...(asOf !== undefined && { asOf: new Date(asOf) }),
        ...{ direction, signal },
        // One more than the page has: if it comes, there is a next page.
        limit: limit + 1,
      }),
    ])
    if (stream === undefined) throw new NotFound(`The stream '${id}' does not exist`)
    const next = events.at(limit)?.version
    return c.json(
      {
        stream: shownStream(context, stream),
        events: events.slice(0, limit).map((event) => listedEvent(context, event)),
        ...(next !== undefined && { next }),
      },
      200,
    )
  })
}
