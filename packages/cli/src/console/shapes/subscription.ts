/** Subscriptions and their parked events, as the API of the console answers with them. */
import { z } from '@hono/zod-openapi'
import { eventShape } from './event.ts'

const subscriptionShape = z
  .object({
    name: z.string(),
    kind: z.enum(['handler', 'projection']).optional(),
    version: z.int().optional(),
    state: z.enum(['active', 'paused', 'superseded']),
    successor: z.string().optional(),
    types: z.array(z.string()).optional(),
    streamPrefix: z.string().optional(),
    tags: z.array(z.string()).optional(),
    transactional: z.boolean(),
    partitions: z.int(),
    owners: z.array(z.string()).describe('the workers: host, process id, and a name of their own'),
    unowned: z.int().describe('the number of its partitions that no worker holds'),
    checkpoint: z.int(),
    lag: z.int().describe('positions between the checkpoint and the end of the log'),
    lagTime: z.number().describe('the age of the first event after the checkpoint, in milliseconds'),
    parked: z.int(),
    createdAt: z.iso.datetime(),
  })
  .openapi('Subscription')

export const subscriptionsShape = z
  .object({ subscriptions: z.array(subscriptionShape) })
  .openapi('Subscriptions')

const partitionShape = z
  .object({ partition: z.int(), checkpoint: z.int(), owner: z.string().optional() })
  .openapi('Partition')

export const subscriptionDetailShape = z
  .object({ subscription: subscriptionShape, partitions: z.array(partitionShape) })
  .openapi('SubscriptionDetail')

const parkedShape = z
  .object({
    position: z.int(),
    streamId: z.string(),
    eventId: z.string(),
    type: z.string(),
    state: z.enum(['parked', 'blocked', 'retrying']),
    failures: z.int(),
    error: z.string(),
    parkedAt: z.iso.datetime(),
  })
  .openapi('ParkedEvent')

export const parkedPageShape = z
  .object({
    parked: z.array(parkedShape),
    next: z.int().optional().describe('the `after` of the next page; absent on the last page'),
  })
  .openapi('ParkedPage')

export const parkedDetailShape = z
  .object({ parked: parkedShape, stack: z.string().optional(), events: z.array(eventShape) })
  .openapi('ParkedDetail')

export type SubscriptionShape = z.infer<typeof subscriptionShape>
export type Subscriptions = z.infer<typeof subscriptionsShape>
export type SubscriptionDetail = z.infer<typeof subscriptionDetailShape>
export type ParkedShape = z.infer<typeof parkedShape>
export type ParkedPage = z.infer<typeof parkedPageShape>
export type ParkedDetail = z.infer<typeof parkedDetailShape>
