/** Events, as the API of the console answers with them. */
import { z } from '@hono/zod-openapi'

export const eventShape = z
  .object({
    id: z.string(),
    streamId: z.string(),
    version: z.int().min(1).describe('the number of the event in its stream'),
    position: z.int().min(1).describe('the place of the event in the log'),
    type: z.string(),
    data: z.unknown(),
    metadata: z.record(z.string(), z.unknown()),
    tags: z.array(z.string()),
    recordedAt: z.iso.datetime(),
    isCut: z
      .boolean()
      .describe(
        'the data are larger than a list shows, so it has their beginning, as a text; GET /api/event has them whole',
      ),
  })
  .openapi('Event')

export const eventPageShape = z
  .object({
    events: z.array(eventShape),
    next: z.int().optional().describe('where the next page begins; absent on the last page'),
  })
  .openapi('EventPage')

const tracedEventShape = eventShape
  .extend({
    depth: z.int().min(0).describe('how many causes of the same correlation are above it'),
    cause: z.string().optional().describe('the id of the event that caused it, if it is in the answer'),
  })
  .openapi('TracedEvent')

export const traceShape = z
  .object({
    correlation: z.string(),
    events: z.array(tracedEventShape).describe('each event after its cause'),
    from: z.int().describe('the first position that was searched'),
    to: z.int().describe('the last position that was searched'),
    isWhole: z.boolean().describe('the whole log was searched, so no event can be missing'),
  })
  .openapi('Trace')

export type EventShape = z.infer<typeof eventShape>
export type EventPage = z.infer<typeof eventPageShape>
export type TracedEventShape = z.infer<typeof tracedEventShape>
export type Trace = z.infer<typeof traceShape>
