/** `GET /api/samples`, `GET /api/log/live`: what happens now, as Server-Sent Events. */
import { createRoute, z } from '@hono/zod-openapi'
import { type Frame, sendFrames } from '../frames.ts'
import { liveLog } from '../live-log.ts'
import type { ConsoleContext } from '../options.ts'
import { Sampler } from '../sampler.ts'
import { problemShape } from '../shapes/store.ts'
import { listedEvent } from '../values/event.ts'
import { streamPrefix, types, whole } from './query.ts'
import { newRoutes, type Routes } from './route.ts'

const lastEventId = z.object({
  'last-event-id': z.string().optional().openapi({
    description: 'the `id` of the last frame that the client has; it gets what follows',
  }),
})

/** The responses of a route that sends frames: what the frames are, and a problem. */
const frames = (description: string) => ({
  200: { description, content: { 'text/event-stream': { schema: z.string() } } },
  default: {
    description: 'The request is refused.',
    content: { 'application/problem+json': { schema: problemShape } },
  },
})

const others =
  'While the database is away: `event: away`, data `{ "message": … }`. After 15 s without a frame: `event: alive`.'

const followSamples = createRoute({
  method: 'get',
  path: '/samples',
  summary: 'Sends what the console measures: the samples of up to ten minutes, then one a second.',
  request: {
    headers: lastEventId,
    query: z.strictObject({ after: whole(0, 'the samples after the one with this `id`; by default all') }),
  },
  responses: frames(`Frames with \`event: sample\`, data Sample. ${others}`),
})

const followLog = createRoute({
  method: 'get',
  path: '/log/live',
  summary: 'Sends the events of the log as they are appended.',
  request: {
    headers: lastEventId,
    query: z.strictObject({
      after: whole(0, 'the events after this position; by default the end of the log'),
      type: types,
      prefix: streamPrefix,
    }),
  },
  responses: frames(
    `Frames with \`event: event\`, data Event, \`id\` its position. ${others} When it is back: \`event: back\`, or an event.`,
  ),
})

export function liveRoutes(context: ConsoleContext): Routes {
  const { store } = context
  const sampler = new Sampler(context)

  async function* sampleFrames(after: number, signal: AbortSignal): AsyncGenerator<Frame, void, undefined> {
    for await (const measured of sampler.follow(after, signal)) {
      if (measured.kind === 'away') yield awayFrame(measured.message)
      else yield { event: 'sample', data: JSON.stringify(measured.sample), id: String(measured.id) }
    }
  }

  return newRoutes()
    .openapi(followSamples, (c) => {
      const after = placeOf(c.req.valid('header')['last-event-id']) ?? c.req.valid('query').after ?? 0
      return sendFrames(c, context, (signal) => sampleFrames(after, signal))
    })
    .openapi(followLog, (c) => {
      const { after, type, prefix } = c.req.valid('query')
      const place = placeOf(c.req.valid('header')['last-event-id']) ?? after
      // It checks its options when it is called, and reads nothing before it is asked for an event.
      store.raw.readAll({ types: type, streamPrefix: prefix })
      return sendFrames(c, context, async function* (signal) {
        for await (const live of liveLog(store, { after: place, types: type, prefix }, signal)) {
          if (live.kind === 'away') yield awayFrame(live.message)
          else if (live.kind === 'back') yield { event: 'back', data: '{}' }
          else {
            const event = listedEvent(context, live.event)
            yield { event: 'event', data: JSON.stringify(event), id: String(event.position) }
          }
        }
      })
    })
}

const awayFrame = (message: string): Frame => ({ event: 'away', data: JSON.stringify({ message }) })

/** An id that another service has made counts as none. */
function placeOf(lastEventId: string | undefined): number | undefined {
  return lastEventId !== undefined && /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : undefined
}
