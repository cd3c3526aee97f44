/** Waiting until a subscription has come to a position, whoever runs it and wherever. */
import { SubscriptionBehindError } from '../errors/index.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { PartitionCheckpoint } from '../storage/subscriptions.ts'

const shortestNap = 5
const longestNap = 250

export interface CheckpointTarget {
  readonly position: number
  /** In milliseconds. */
  readonly timeout: number
  readonly signal: AbortSignal | undefined
}

/** Position 0: until it is made. @throws SubscriptionBehindError when it takes too long */
export async function waitForCheckpoint(
  { storage, clock }: EngineEnvironment,
  name: string,
  { position, timeout, signal }: CheckpointTarget,
): Promise<void> {
  const end = clock.now() + timeout
  for (let nap = shortestNap; ; nap = Math.min(nap * 2, longestNap)) {
    signal?.throwIfAborted()
    const checkpoints = await storage.checkpoints(name, signal)
    const reached = reachedBy(checkpoints)
    // Before it is made it has not come anywhere, and may yet begin at a later end of the log.
    if (checkpoints.length > 0 && reached >= position) return
    const left = end - clock.now()
    if (left <= 0) {
      throw new SubscriptionBehindError(name, position, reached, ownersOf(checkpoints), timeout)
    }
    await clock.sleep(Math.min(nap, left), signal)
  }
}

/** Up to where every partition has come. */
export function reachedBy(checkpoints: readonly PartitionCheckpoint[]): number {
  return checkpoints.length === 0 ? 0 : Math.min(...checkpoints.map(({ position }) => position))
}

export function ownersOf(checkpoints: readonly PartitionCheckpoint[]): string[] {
  return [...new Set(checkpoints.flatMap(({ owner }) => (owner === undefined ? [] : [owner])))]
}
