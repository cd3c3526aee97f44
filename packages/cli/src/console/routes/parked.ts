/** `GET /api/parked`, `GET /api/parked-event`: the events that a subscription has parked, and why. */
import { hasCode, type ParkedEvent, type RecordedEvent } from '@eventsourced/core'
import { createRoute, z } from '@hono/zod-openapi'
import { eventAt } from '../../event-at.ts'
import type { ConsoleContext } from '../options.ts'
import {
  type ParkedPage,
  type ParkedShape,
  parkedDetailShape,
  parkedPageShape,
} from '../shapes/subscription.ts'
import { wholeEvent } from '../values/event.ts'
import { redactedText } from '../values/redaction.ts'
import { NotFound } from './not-found.ts'
import { pageSize, required, requiredWhole, whole } from './query.ts'
import { answers, limitOf, newRoutes, type Routes } from './route.ts'

const subscription = required('the name of the subscription')

const listParked = createRoute({
  method: 'get',
  path: '/parked',
  summary: 'Lists the parked events of a subscription by position, with their errors.',
  request: {
    query: z.strictObject({
      subscription,
      after: whole(0, 'only events after this position: the `next` of the page before'),
      limit: pageSize,
    }),
  },
  responses: answers('A page of parked events.', parkedPageShape),
})

const showParked = createRoute({
  method: 'get',
  path: '/parked-event',
  summary: 'Shows one parked event with its error, its stack and its data.',
  description:
    'The event is shown as the handler gets it: as several events, or as none, if the catalogue reads it so. An event that the catalogue cannot read is shown as it is stored.',
  request: {
    query: z.strictObject({
      subscription,
      position: requiredWhole(1, 'the position of the event in the log'),
    }),
  },
  responses: answers('The parked event.', parkedDetailShape),
})

export function parkedRoutes(context: ConsoleContext): Routes {
  const { store } = context

  function shown(source: string, parked: ParkedEvent): ParkedShape {
    const { position, streamId, eventId, type, state, failures, error, parkedAt } = parked
    return {
      ...{ position, streamId, eventId, type, state, failures },
      error: redactedText(context, error, { kind: 'error', source, name: type }),
      parkedAt: parkedAt.toISOString(),
    }
  }

  /** The events as the handler gets them, or else the stored one. */
  async function eventsOf(
    source: string,
    position: number,
    signal: AbortSignal,
  ): Promise<readonly RecordedEvent[]> {
    try {
      return (await store.parked(source).show(position, { signal }))?.events ?? []
    } catch (error) {
      if (!hasCode(error, 'unreadable-event')) throw error
      const stored = await eventAt({ store, signal }, position)
      return stored === undefined ? [] : [stored]
    }
  }

  return newRoutes()
    .openapi(listParked, async (c) => {
      const { subscription, after, limit } = c.req.valid('query')
      const signal = limitOf(context, c.req.raw)
      const parked: ParkedPage['parked'] = []
      // One more than the page has: if it comes, there is a next page.
      for await (const one of store.parked(subscription).list({ after, limit: limit + 1, signal })) {
        if (parked.length === limit) return c.json({ parked, next: parked.at(-1)?.position }, 200)
        parked.push(shown(subscription, one))
      }
      return c.json({ parked }, 200)
    })
    .openapi(showParked, async (c) => {
      const { subscription, position } = c.req.valid('query')
      const signal = limitOf(context, c.req.raw)
      let found: ParkedEvent | undefined
      for await (const one of store.parked(subscription).list({ after: position - 1, limit: 1, signal }))
        found = one
      if (found?.position !== position) {
        throw new NotFound(`'${subscription}' has parked no event at position ${position}`)
      }
      const { stack, type } = found
      const events = await eventsOf(subscription, position, signal)
      const of = { kind: 'error', source: subscription, name: type } as const
      return c.json(
        {
          parked: shown(subscription, found),
          ...(stack !== undefined && { stack: redactedText(context, stack, of) }),
          events: events.map((event) => wholeEvent(context, event)),
        },
        200,
      )
    })
}
