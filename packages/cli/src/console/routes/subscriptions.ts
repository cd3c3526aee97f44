/** `GET /api/subscriptions`, `GET /api/subscription`: subscriptions, and how far their workers have come. */
import type { SubscriptionSummary } from '@eventsourced/core'
import { createRoute, z } from '@hono/zod-openapi'
import type { ConsoleContext } from '../options.ts'
import {
  type SubscriptionShape,
  subscriptionDetailShape,
  subscriptionsShape,
} from '../shapes/subscription.ts'
import { NotFound } from './not-found.ts'
import { noParameters, required } from './query.ts'
import { answers, limitOf, newRoutes, type Routes } from './route.ts'

const listSubscriptions = createRoute({
  method: 'get',
  path: '/subscriptions',
  summary: 'Lists all subscriptions by name: checkpoint, lag, owners, and the number of parked events.',
  request: { query: noParameters },
  responses: answers('The subscriptions.', subscriptionsShape),
})

const showSubscription = createRoute({
  method: 'get',
  path: '/subscription',
  summary: 'Shows one subscription with its partitions.',
  request: { query: z.strictObject({ name: required('the name of the subscription') }) },
  responses: answers('The subscription and its partitions.', subscriptionDetailShape),
})

export function subscriptionRoutes(context: ConsoleContext): Routes {
  const { store } = context
  return newRoutes()
    .openapi(listSubscriptions, async (c) => {
      const signal = limitOf(context, c.req.raw)
      const subscriptions: SubscriptionShape[] = []
      for await (const summary of store.subscriptions.list({ signal })) subscriptions.push(shown(summary))
      return c.json({ subscriptions }, 200)
    })
    .openapi(showSubscription, async (c) => {
      const { name } = c.req.valid('query')
      const signal = limitOf(context, c.req.raw)
      const [summary, status] = await Promise.all([
        store.subscriptions.get(name, { signal }),
        store.subscriptionStatus(name, { signal }),
      ])
      if (summary === undefined) throw new NotFound(`No subscription has the name '${name}'`)
      const partitions = (status?.partitions ?? []).map(({ partition, checkpoint, owner }) => ({
        ...{ partition, checkpoint },
        ...(owner !== undefined && { owner }),
      }))
      return c.json({ subscription: shown(summary), partitions }, 200)
    })
}

function shown(summary: SubscriptionSummary): SubscriptionShape {
  const { kind, version, successor, types, streamPrefix, tags, owners, createdAt, ...others } = summary
  return {
    ...others,
    ...(kind !== undefined && { kind }),
    ...(version !== undefined && { version }),
    ...(successor !== undefined && { successor }),
    ...(types !== undefined && { types: [...types] }),
    ...(streamPrefix !== undefined && { streamPrefix }),
    ...(tags !== undefined && { tags: [...tags] }),
    owners: [...owners],
    createdAt: createdAt.toISOString(),
  }
}
