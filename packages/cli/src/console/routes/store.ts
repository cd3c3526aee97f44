/** `GET /api/store`, `GET /api/overview`: what the console knows of its store, and how the store is. */

import { health } from '@eventsourced/core/health'
import { createRoute } from '@hono/zod-openapi'
import { version } from '../../version.ts'
import { libraryCodeOf } from '../library-code.ts'
import type { ConsoleContext } from '../options.ts'
import { type Overview, overviewShape, storeShape } from '../shapes/store.ts'
import { noParameters } from './query.ts'
import { answers, newRoutes, type Routes } from './route.ts'

const showStore = createRoute({
  method: 'get',
  path: '/store',
  summary: 'Says which store the console shows, and what it can do with it. It does not ask the database.',
  request: { query: noParameters },
  responses: answers('The store.', storeShape),
})

const showOverview = createRoute({
  method: 'get',
  path: '/overview',
  summary: 'Answers how healthy the store is: its database, the frontier of its log, and its subscriptions.',
  request: { query: noParameters },
  responses: answers('The health of the store.', overviewShape),
})

export function storeRoutes(context: ConsoleContext): Routes {
  const { store, name, isReadOnly, timeout } = context
  const projections = context.projections.filter(({ kind }) => kind === 'documents')
  return newRoutes()
    .openapi(showStore, (c) =>
      c.json(
        {
          ...{ name, isReadOnly, version },
          deciders: Object.keys(context.deciders),
          projections: projections.map((projection) => projection.name),
          hasMetrics: context.metrics !== undefined,
        },
        200,
      ),
    )
    .openapi(showOverview, async (c) => {
      const { status, checkedAt, checks } = await health(store, { timeout })
      const shown: Overview['checks'] = []
      let frontier: Overview['frontier'] | undefined
      let last: Overview['frontier']['last']
      for (const check of checks) {
        // The database has not answered, so there is no frontier. Its error says why.
        if (check.name === 'database' && check.status === 'failed') throw failureOf(check)
        if (check.name === 'frontier') {
          const { position, head, writers } = check
          frontier = { position, head, writers: writers.map((writer) => ({ ...writer })) }
        }
        if (check.name === 'last-append' && check.recordedAt !== undefined) {
          last = { position: check.position, recordedAt: check.recordedAt.toISOString() }
        }
        shown.push({
          ...{ name: check.name, status: check.status },
          ...(check.name === 'subscription' && { subject: check.subscription }),
          ...(check.reason !== undefined && { reason: check.reason }),
        })
      }
      if (frontier === undefined) throw new Error('The health of the store has no frontier')
      const overview = { at: checkedAt.toISOString(), status, checks: shown }
      return c.json({ ...overview, frontier: { ...frontier, ...(last && { last }) } }, 200)
    })
}

/** An error without a code says that the database was silent: the answer is a timeout, so that the page asks again. */
function failureOf({
  error,
  reason,
}: {
  readonly error: unknown
  readonly reason: string | undefined
}): unknown {
  return libraryCodeOf(error) === undefined ? new DOMException(reason, 'TimeoutError') : error
}
