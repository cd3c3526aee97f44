/** Waits until a subscription has reached a position. Its workers may run in any process. */
import { SubscriptionBehindError } from '../errors/index.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { PartitionCheckpoint } from '../storage/subscriptions.ts'

// The pause between two looks at the checkpoints doubles from the first value up to the second, in milliseconds.
const shortestPause = 5
const longestPause = 250

export interface CheckpointTarget {
  /** The position to reach; 0 waits until the subscription exists. */
  readonly position: number
  /** How long to wait, in milliseconds. */
  readonly timeout: number
  readonly signal: AbortSignal | undefined
}

/**
 * Resolves once all checkpoints of the subscription are at or after the position.
 * @throws SubscriptionBehindError after the timeout
 */
export async function waitForCheckpoint(
  { storage, clock }: EngineEnvironment,
  name: string,
  { position, timeout, signal }: CheckpointTarget,
): Promise<void> {
  const end = clock.now() + timeout
  for (let pause = shortestPause; ; pause = Math.min(pause * 2, longestPause)) {
    signal?.throwIfAborted()
    const checkpoints = await storage.checkpoints(name, signal)
    const reached = lowestCheckpoint(checkpoints)
    // Without checkpoints the subscription does not exist yet. It may still start at a later end of the log.
    if (checkpoints.length > 0 && reached >= position) return
    const left = end - clock.now()
    if (left <= 0) {
      throw new SubscriptionBehindError(name, position, reached, ownersOf(checkpoints), timeout)
    }
    await clock.sleep(Math.min(pause, left), signal)
  }
}

/** The position that every partition has reached; 0 if there are no checkpoints. */
export function lowestCheckpoint(checkpoints: readonly PartitionCheckpoint[]): number {
  return checkpoints.length === 0 ? 0 : Math.min(...checkpoints.map(({ position }) => position))
}

/** The workers that hold partitions, each once. */
export function ownersOf(checkpoints: readonly PartitionCheckpoint[]): string[] {
  return [...new Set(checkpoints.flatMap(({ owner }) => (owner === undefined ? [] : [owner])))]
}
