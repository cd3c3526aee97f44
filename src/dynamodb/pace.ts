/**
 * Limits the requests that subscriptions send while they wait, because DynamoDB bills each request. The limits let a burst
 * through: the first event after a quiet time is handled at once, and a call that waits for a checkpoint returns at once.
 */
import type { Pace } from '../storage/index.ts'
import { heartbeatInterval } from './subscriptions/process-beats.ts'

export const pace: Pace = {
  pollInterval: 2_000,
  heartbeatInterval,
  polls: { perSecond: 8, burst: 16 },
  checkpoints: { perSecond: 2, burst: 10 },
}
