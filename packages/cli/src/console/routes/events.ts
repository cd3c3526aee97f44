/** `GET /api/event`, `GET /api/log`: events of the log, as they are stored. */
import { createRoute, z } from '@hono/zod-openapi'
import { eventAt, noEventAt } from '../../event-at.ts'
import { searchBackward } from '../log-search.ts'
import type { ConsoleContext } from '../options.ts'
import { type EventPage, eventPageShape, eventShape } from '../shapes/event.ts'
import { listedEvent, wholeEvent } from '../values/event.ts'
import { NotFound } from './not-found.ts'
import { pageSize, streamPrefix, text, types, whole } from './query.ts'
import { answers, limitOf, newRoutes, type Routes } from './route.ts'

const showEvent = createRoute({
  method: 'get',
  path: '/event',
  summary: 'Shows one event with all its data, by its position or by its id.',
  request: {
    query: z
      .strictObject({
        position: whole(1, 'its position in the log'),
        id: text('its id; on DynamoDB, docs/dynamodb.md says which ids are found'),
      })
      .refine(({ position, id }) => (position === undefined) !== (id === undefined), {
        path: ['position'],
        message: 'must be given, or else `id`; not both',
      }),
  },
  responses: answers('The event.', eventShape),
})

const listEvents = createRoute({
  method: 'get',
  path: '/log',
  summary: 'Lists the events of the log, the newest first.',
  request: {
    query: z.strictObject({
      before: whole(1, 'only events before this position: the `next` of the page before'),
      type: types,
      prefix: streamPrefix,
      limit: pageSize,
    }),
  },
  responses: answers(
    'A page of events. If few events match, a page may have fewer than `limit`, or none, and still name a next one.',
    eventPageShape,
  ),
})

export function eventRoutes(context: ConsoleContext): Routes {
  const { store } = context
  return newRoutes()
    .openapi(showEvent, async (c) => {
      const { position, id } = c.req.valid('query')
      const signal = limitOf(context, c.req.raw)
      const place = position ?? id ?? ''
      const event = await eventAt({ store, signal }, place)
      if (event === undefined) throw new NotFound(noEventAt(place))
      return c.json(wholeEvent(context, event), 200)
    })
    .openapi(listEvents, async (c) => {
      const { before, type, prefix, limit } = c.req.valid('query')
      const signal = limitOf(context, c.req.raw)
      const events: EventPage['events'] = []
      // One more than the page has: if it comes, there is a next page.
      const search = { before, types: type, prefix, chunk: limit + 1, signal }
      const next = await searchBackward(store, search, (event) => {
        if (events.length === limit) return true
        events.push(listedEvent(context, event))
        return false
      })
      const place = events.length === limit && next !== undefined ? events.at(-1)?.position : next
      return c.json({ events, ...(place !== undefined && { next: place }) }, 200)
    })
}
