/** Where a new subscription begins. */
import type { Storage } from '../storage.ts'
import type { StartPosition } from './subscription.ts'

/** The position before the first event it is to handle; of one that exists already it does not matter. */
export async function startPosition(storage: Storage, name: string, from: StartPosition): Promise<number> {
  if (from === 'beginning') return 0
  if (typeof from === 'number') return from
  if ((await storage.checkpoints(name)).length > 0) return 0
  if (from instanceof Date) return storage.positionBefore(from)
  // The end of what is settled: an append that is still under way is recorded afterwards, and is not to be skipped.
  const all = { types: undefined, streamPrefix: undefined, tags: undefined, partition: undefined } as const
  const last = { after: 0, until: Number.MAX_SAFE_INTEGER, direction: 'backward', limit: 1 } as const
  const { events } = await storage.readLog({ ...all, ...last })
  return events[0]?.position ?? 0
}
