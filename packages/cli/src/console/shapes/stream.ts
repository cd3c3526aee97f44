/** Streams and their states, as the API of the console answers with them. */
import { z } from '@hono/zod-openapi'
import { eventShape } from './event.ts'

const streamShape = z
  .object({
    streamId: z.string(),
    version: z.int().min(0).describe('the number of its events'),
    createdAt: z.iso.datetime(),
    lastRecordedAt: z.iso.datetime().optional().describe('absent while it has no events'),
    metadata: z.record(z.string(), z.unknown()),
  })
  .openapi('Stream')

export const streamPageShape = z
  .object({
    streams: z.array(streamShape),
    next: z.string().optional().describe('the `after` of the next page; absent on the last page'),
  })
  .openapi('StreamPage')

export const timelineShape = z
  .object({
    stream: streamShape,
    events: z.array(eventShape),
    next: z.int().optional().describe('the version at which the next page begins; absent on the last page'),
  })
  .openapi('Timeline')

/** One place at which two JSON values differ. */
const changeShape = z
  .object({
    path: z.string().describe('a JSON pointer (RFC 6901)'),
    kind: z.enum(['added', 'removed', 'changed']),
    before: z.unknown().optional(),
    after: z.unknown().optional(),
  })
  .openapi('Change')

export const stateShape = z
  .object({
    streamId: z.string(),
    decider: z.string(),
    version: z.int().min(0),
    recordedAt: z.iso.datetime().optional().describe('when the event of this version was recorded'),
    state: z.unknown(),
    previous: z.unknown().describe('the state one version before'),
    changes: z.array(changeShape).describe('from the previous state to this one'),
    hasMoreChanges: z.boolean().optional().describe('there are more changes than the answer has'),
  })
  .openapi('State')

export type StreamShape = z.infer<typeof streamShape>
export type StreamPage = z.infer<typeof streamPageShape>
export type Timeline = z.infer<typeof timelineShape>
export type Change = z.infer<typeof changeShape>
export type StateShape = z.infer<typeof stateShape>
