/** `GET /api/audit`: what operators did with the store, who did it, and when. */
import { createRoute, z } from '@hono/zod-openapi'
import { auditedActions } from '../../audited.ts'
import type { ConsoleContext } from '../options.ts'
import { type AuditEntryShape, auditShape } from '../shapes/store.ts'
import { redactedText } from '../values/redaction.ts'
import { pageSize } from './query.ts'
import { answers, limitOf, newRoutes, type Routes } from './route.ts'

const listAudit = createRoute({
  method: 'get',
  path: '/audit',
  summary: 'Lists what operators did, the newest first: one entry for each action.',
  request: { query: z.strictObject({ limit: pageSize }) },
  responses: answers('The last actions.', auditShape),
})

export function auditRoutes(context: ConsoleContext): Routes {
  return newRoutes().openapi(listAudit, async (c) => {
    const { limit } = c.req.valid('query')
    const signal = limitOf(context, c.req.raw)
    const entries: AuditEntryShape[] = []
    for await (const entry of auditedActions(context.store.audit.list({ signal }), limit)) {
      const { at, error, startId: _, ...facts } = entry
      const of = { kind: 'error', source: entry.target, name: '' } as const
      entries.push({
        ...facts,
        at: at.toISOString(),
        ...(error !== undefined && { error: redactedText(context, error, of) }),
      })
    }
    return c.json({ entries }, 200)
  })
}
