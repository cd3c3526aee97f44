/** Reads the stored state of a subscription: how far the workers of all processes have come. */

import type { EngineEnvironment } from '../runtime/environment.ts'
import { wholeLog } from '../storage/log-query.ts'
import { lowestCheckpoint, ownersOf } from './checkpoint-waits.ts'
import type { SubscriptionStatus } from './subscription.ts'

/** Leaves out `state` and `lastError`, which only a worker knows. Returns `undefined` if the name has no subscription. */
export async function subscriptionStatus(
  { storage }: EngineEnvironment,
  name: string,
  signal?: AbortSignal,
): Promise<SubscriptionStatus | undefined> {
  const checkpoints = await storage.checkpoints(name, signal)
  if (checkpoints.length === 0) return undefined
  const checkpoint = lowestCheckpoint(checkpoints)
  const [lastPosition, parked, { events }] = await Promise.all([
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
    lastPosition,
    lag: Math.max(0, lastPosition - checkpoint),
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

/** The status of a subscription that has no checkpoints, for example because the database has been unreachable so far. */
export function emptyStatus(
  name: string,
  lastPosition: number,
): Omit<SubscriptionStatus, 'state' | 'lastError'> {
  const nothing = { checkpoint: 0, lagTime: 0, parked: 0, owners: [], partitions: [] }
  return { ...nothing, name, lastPosition, lag: lastPosition }
}
