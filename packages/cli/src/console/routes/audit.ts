/** `GET /api/audit`: what operators did with the store, who did it, and when. */
import { createRoute, z } from '@hono/zod-openapi'
import type { ConsoleContext } from '../options.ts'
import { type AuditEntryShape, auditShape } from '../shapes/store.ts'
import { redactedText } from '../values/redaction.ts'
import { answers, limitOf, newRoutes, pageSize, type Routes } from './route.ts'

const listAudit = createRoute({
  method: 'get',
  path: '/audit',
  summary: 'Lists what operators did, the newest first.',
  request: {
    query: z.object({
      before: z.string().optional().openapi({ description: 'only entries before the one with this id' }),
      limit: pageSize,
    }),
  },
  responses: answers('A page of the audit trail.', auditShape),
})

export function auditRoutes(context: ConsoleContext): Routes {
  return newRoutes().openapi(listAudit, async (c) => {
    const { limit, before } = c.req.valid('query')
    const signal = limitOf(context, c.req.raw)
    const entries: AuditEntryShape[] = []
    for await (const entry of context.store.audit.list({ limit, before, signal })) {
      const { at, error, ...facts } = entry
      const of = { kind: 'error', source: entry.target, name: '' } as const
      entries.push({
        ...facts,
        at: at.toISOString(),
        ...(error !== undefined && { error: redactedText(context, error, of) }),
      })
    }
    const next = entries.length === limit ? entries.at(-1)?.id : undefined
    return c.json({ entries, ...(next !== undefined && { next }) }, 200)
  })
}
