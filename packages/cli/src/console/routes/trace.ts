/** `GET /api/trace`: the events of one correlation id, as a tree of causes. */
import { createRoute, z } from '@hono/zod-openapi'
import { searchTrace, type TracedEvent } from '../../trace.ts'
import type { ConsoleContext } from '../options.ts'
import { type TracedEventShape, traceShape } from '../shapes/event.ts'
import { listedEvent } from '../values/event.ts'
import { required, whole } from './query.ts'
import { answers, limitOf, newRoutes, type Routes } from './route.ts'

const defaultWidth = 10_000
const mostEvents = 1_000

const showTrace = createRoute({
  method: 'get',
  path: '/trace',
  summary: 'Searches a part of the log for the events of a correlation id, and shows which caused which.',
  description:
    'No index has correlation ids, so this reads the events of the part: it stops after three quarters of the time that a request may take, or after 1,000 events of the correlation, and answers which positions it has searched.',
  request: {
    query: z.strictObject({
      correlation: required('the correlation id, or the id of the event or command that began it'),
      around: whole(
        1,
        'the position in the middle of the part; by default that of the event with this id, or else the end of the log',
      ),
      width: whole(1, 'how many positions to search before the middle, and after it; by default 10,000'),
    }),
  },
  responses: answers('The events, each after its cause.', traceShape),
})

export function traceRoutes(context: ConsoleContext): Routes {
  const { store, timeout } = context

  /** The position of the event whose id it is. Any text can be a correlation id, and only some are ids of events. */
  async function positionOf(correlation: string, signal: AbortSignal): Promise<number | undefined> {
    if (!z.guid().safeParse(correlation).success) return undefined
    return (await store.raw.findEvent(correlation, { signal }))?.position
  }

  return newRoutes().openapi(showTrace, async (c) => {
    const { correlation, around, width = defaultWidth } = c.req.valid('query')
    const signal = limitOf(context, c.req.raw)
    const first = around ?? (await positionOf(correlation, signal))
    const search = { around: first, width, most: mostEvents, time: timeout * 0.75, signal }
    const { events, ...searched } = await searchTrace(store, correlation, search)
    const ids = new Set(events.map(({ id }) => id))
    const shown = (event: TracedEvent): TracedEventShape => {
      const cause = event.metadata.causationId
      return {
        ...listedEvent(context, event),
        depth: event.depth,
        ...(cause !== undefined && ids.has(cause) && { cause }),
      }
    }
    return c.json({ correlation, events: events.map(shown), ...searched }, 200)
  })
}
