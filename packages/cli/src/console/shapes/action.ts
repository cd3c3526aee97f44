/** Actions: what the API of the console gets, and what it answers with. */
import { z } from '@hono/zod-openapi'

const name = z.string().min(1).describe('the name of the subscription or projection')

/** What destroys something wants the name twice. */
const confirm = z.string().describe('the name again')

export const namedShape = z.strictObject({ name }).openapi('Named')
export const confirmedShape = z.strictObject({ name, confirm }).openapi('Confirmed')

export const moveShape = z
  .strictObject({
    name,
    to: z
      .union([
        z.enum(['beginning', 'end']),
        z.strictObject({ after: z.int().min(0).describe('it continues after this position') }),
        z.strictObject({
          time: z.iso.datetime({ offset: true }).describe('it continues with what was recorded then'),
        }),
      ])
      .describe('where it continues'),
    again: z.boolean().optional().describe('allows to go back, so that the handler gets events again'),
  })
  .openapi('Move')

export const repartitionShape = z
  .strictObject({ name, partitions: z.int().min(1).max(1_000) })
  .openapi('Repartition')

const position = z.int().min(1)

/** Which parked events: one of `position`, `positions` and `filter`. */
const selection = {
  subscription: z.string().min(1),
  position: position.optional().describe('one event'),
  positions: z.array(position).min(1).max(1_000).optional().describe('these events'),
  filter: z
    .strictObject({
      type: z.string().optional(),
      streamId: z.string().optional(),
      error: z.string().optional().describe('only events whose error contains this text'),
    })
    .optional()
    .describe('the events that fit all its parts; all events if it is empty'),
}

export const retryShape = z.strictObject(selection).openapi('Retry')
export const skipShape = z
  .strictObject({ ...selection, confirm: confirm.describe('the subscription again') })
  .openapi('Skip')

export const cancelShape = z.strictObject({ id: z.string() }).openapi('Cancel')

export const changedShape = z
  .object({ name, state: z.enum(['paused', 'active', 'removed']) })
  .openapi('ChangedSubscription')

export const movedShape = z
  .object({ name, position: z.int().describe('it continues after this position') })
  .openapi('MovedSubscription')

export const repartitionedShape = z.object({ name, partitions: z.int() }).openapi('RepartitionedSubscription')

export const settledShape = z
  .object({
    count: z.int().describe('how many events were retried or skipped'),
    missing: z.array(z.int()).describe('the given positions that were not parked any more'),
  })
  .openapi('SettledEvents')

export const droppedShape = z
  .object({ name, dropped: z.boolean().describe('false: it was never built, or dropped before') })
  .openapi('DroppedProjection')

export type Selection = Omit<z.infer<typeof retryShape>, 'subscription'>
export type Move = z.infer<typeof moveShape>
