/** The store as a whole, as the API of the console answers with it. */
import { z } from '@hono/zod-openapi'

export const storeShape = z
  .object({
    name: z.string().describe('where the store is, without secrets'),
    isReadOnly: z.boolean().describe('every action answers 403'),
    deciders: z.array(z.string()).describe('the deciders that can fold a stream'),
    projections: z.array(z.string()).describe('the projections that can be rebuilt and verified'),
    hasMetrics: z
      .boolean()
      .describe('samples have rates, conflicts and commit times of the appending processes'),
    version: z.string().describe('of the console'),
  })
  .openapi('Store')

const writerShape = z
  .object({
    openTime: z.number().optional().describe('for how long it has been open, in milliseconds'),
    pid: z.int().optional(),
    applicationName: z.string().optional(),
    state: z.string().optional(),
    slot: z.int().optional(),
  })
  .openapi('Writer')

const checkShape = z
  .object({
    name: z.string(),
    subject: z.string().optional().describe('the subscription'),
    status: z.enum(['ok', 'degraded', 'failed']),
    reason: z.string().optional(),
  })
  .openapi('Check')

export const overviewShape = z
  .object({
    at: z.iso.datetime(),
    status: z.enum(['ok', 'degraded', 'failed']),
    checks: z.array(checkShape),
    frontier: z.object({
      position: z.int(),
      head: z.int(),
      writers: z.array(writerShape),
      last: z.object({ position: z.int(), recordedAt: z.iso.datetime() }).optional(),
    }),
  })
  .openapi('Overview')

/** What the console measured at one moment. It takes a sample a second while a page is open. */
export const sampleShape = z
  .object({
    at: z.iso.datetime(),
    position: z.int().describe('of the frontier'),
    head: z.int(),
    heldFor: z.number().describe('for how long the oldest running append has been open, in milliseconds'),
    duration: z.number().describe('how long the database took to answer, in milliseconds'),
    lags: z.record(z.string(), z.number()).describe('the lag of each subscription, in positions'),
    appends: z
      .object({
        count: z.int(),
        conflicts: z.int(),
        commits: z.int(),
        commitTime: z.number().optional().describe('the mean of one commit, in milliseconds'),
      })
      .optional()
      .describe('since the sample before; absent without metrics of the appending processes'),
  })
  .openapi('Sample')

const auditEntryShape = z
  .object({
    id: z.string(),
    at: z.iso.datetime(),
    actor: z.string(),
    action: z.string(),
    target: z.string(),
    outcome: z
      .enum(['started', 'done', 'failed'])
      .describe('`started`: the action runs, or the process that did it has died in the middle'),
    reason: z.string().optional(),
    details: z.unknown().optional(),
    error: z.string().optional(),
  })
  .openapi('AuditEntry')

export const auditShape = z.object({ entries: z.array(auditEntryShape) }).openapi('Audit')

/** An error (RFC 9457). */
export const problemShape = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().describe('the code of the error of the library, or one of the console'),
  })
  .openapi('Problem')

export type StoreShape = z.infer<typeof storeShape>
export type Overview = z.infer<typeof overviewShape>
export type Sample = z.infer<typeof sampleShape>
export type AuditEntryShape = z.infer<typeof auditEntryShape>
export type Audit = z.infer<typeof auditShape>
export type Problem = z.infer<typeof problemShape>
