/** Reads the stored state of a subscription: how far the workers of all processes have come. */

import type { EngineEnvironment } from '../runtime/environment.ts'
import { wholeLog } from '../storage/log-query.ts'
import { lowestCheckpoint, ownersOf } from './checkpoint-waits.ts'
import type { SubscriptionStatus } from './subscription.ts'

/** What the states of several subscriptions need to know of the log. */
export interface LogReads {
  lastPosition(): Promise<number>
  /** How long ago the first event after this position was recorded, in milliseconds; 0 if there is none. */
  ageAfter(position: number): Promise<number>
}

/** Reads each fact of the log once. Most subscriptions have the same checkpoint: the end of the log. */
export function logReads({ storage }: EngineEnvironment, signal?: AbortSignal): LogReads {
  let last: Promise<number> | undefined
  const ages = new Map<number, Promise<number>>()
  return {
    lastPosition() {
      last ??= storage.lastPosition(signal)
      return last
    },
    ageAfter(position) {
      const known = ages.get(position)
      if (known !== undefined) return known
      const reading = storage
        .readLogPage({ ...wholeLog, after: position, limit: 1 }, signal)
        // By the clock that also set `recordedAt`, if the database has one: that of this process may be minutes ahead.
        .then(({ events: [first], readAt }) =>
          Math.max(0, readAt.getTime() - (first?.recordedAt ?? readAt).getTime()),
        )
      ages.set(position, reading)
      return reading
    },
  }
}

/** Leaves out `state` and `lastError`, which only a worker knows. Returns `undefined` if the name has no subscription. */
export async function subscriptionStatus(
  environment: EngineEnvironment,
  name: string,
  signal?: AbortSignal,
  log: LogReads = logReads(environment, signal),
): Promise<SubscriptionStatus | undefined> {
  const { storage } = environment
  const checkpoints = await storage.checkpoints(name, signal)
  if (checkpoints.length === 0) return undefined
  const checkpoint = lowestCheckpoint(checkpoints)
  const [lastPosition, parked, lagTime] = await Promise.all([
    log.lastPosition(),
    storage.countParked(name, signal),
    log.ageAfter(checkpoint),
  ])
  return {
    name,
    state: undefined,
    checkpoint,
    lastPosition,
    lag: Math.max(0, lastPosition - checkpoint),
    lagTime,
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
