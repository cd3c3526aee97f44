/** Projections, their documents, and running rebuilds, as the API of the console answers with them. */
import { z } from '@hono/zod-openapi'

const projectionShape = z
  .object({
    name: z.string(),
    version: z.int().describe('0 while no build is complete'),
    mode: z.enum(['inline', 'async']),
    building: z.int().optional().describe('the version that an unfinished build makes'),
    isBuildNeeded: z.boolean(),
    isKnown: z.boolean().describe('the console knows its functions, so it can rebuild and verify it'),
    lag: z.int().optional().describe('of its subscription, in positions; absent if it is inline'),
    lagTime: z.number().optional(),
  })
  .openapi('Projection')

export const projectionsShape = z.object({ projections: z.array(projectionShape) }).openapi('Projections')

export const documentShape = z
  .object({
    key: z.string(),
    state: z.unknown(),
    revision: z.int(),
    position: z.int().describe('of the event that changed it last; 0 if a handler wrote it'),
    isCut: z.boolean().describe('the state is larger than a list shows, so it has its beginning, as a text'),
  })
  .openapi('Document')

export const documentPageShape = z
  .object({
    projection: z.string(),
    documents: z.array(documentShape),
    next: z.string().optional().describe('the `after` of the next page; absent on the last page'),
  })
  .openapi('DocumentPage')

/** A rebuild or a verification that this console runs, or has run. */
export const jobShape = z
  .object({
    id: z.string(),
    kind: z.enum(['rebuild', 'verify']),
    projection: z.string(),
    state: z.enum(['running', 'done', 'failed', 'cancelled']),
    startedAt: z.iso.datetime(),
    endedAt: z.iso.datetime().optional(),
    position: z.int(),
    lastPosition: z.int(),
    events: z.int(),
    eventsPerSecond: z.number(),
    timeLeft: z.number().optional().describe('an estimate, in milliseconds; absent while nothing is known'),
    error: z.string().optional(),
    differences: z
      .array(z.object({ key: z.string(), expected: z.unknown().optional(), actual: z.unknown().optional() }))
      .optional()
      .describe('what a verification found; empty: the documents are right'),
  })
  .openapi('Job')

export const jobsShape = z.object({ jobs: z.array(jobShape) }).openapi('Jobs')

export type ProjectionShape = z.infer<typeof projectionShape>
export type Projections = z.infer<typeof projectionsShape>
export type DocumentShape = z.infer<typeof documentShape>
export type DocumentPage = z.infer<typeof documentPageShape>
export type Job = z.infer<typeof jobShape>
export type Jobs = z.infer<typeof jobsShape>
