/** How far a subscription has come, as it is stored. */

import type { EngineEnvironment } from '../runtime/environment.ts'
import { wholeLog } from '../storage/log-query.ts'
import { ownersOf, reachedBy } from './checkpoint-wait.ts'
import type { SubscriptionStatus } from './subscription.ts'

export async function subscriptionStatus(
  { storage }: EngineEnvironment,
  name: string,
  signal?: AbortSignal,
): Promise<SubscriptionStatus | undefined> {
  const checkpoints = await storage.checkpoints(name, signal)
  if (checkpoints.length === 0) return undefined
  const checkpoint = reachedBy(checkpoints)
  const [head, parked, { events }] = await Promise.all([
    storage.lastPosition(signal),
    storage.countParked(name, signal),
    storage.readLogPage({ ...wholeLog, after: checkpoint, limit: 1 }, signal),
  ])
  const now = Date.now()
  const waitingSince = events[0]?.recordedAt.getTime() ?? now
  return {
    name,
    state: undefined,
    checkpoint,
    head,
    lag: Math.max(0, head - checkpoint),
    lagTime: Math.max(0, now - waitingSince),
    parked,
    owners: ownersOf(checkpoints),
    partitions: checkpoints.map(({ partition, position, owner }) => ({
      partition,
      checkpoint: position,
      owner,
    })),
    lastError: undefined,
  }
}
