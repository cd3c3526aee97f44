/** Where a new subscription begins. */

import { wholeLog } from '../storage/log-query.ts'
import type { Storage } from '../storage/storage.ts'
import type { StartPosition } from './subscription.ts'

/** The position before the first event it is to handle; of one that exists already it does not matter. */
export async function startPosition(
  storage: Storage,
  name: string,
  from: StartPosition,
  signal?: AbortSignal,
): Promise<number> {
  if (from === 'beginning') return 0
  if (typeof from === 'number') return from
  if ((await storage.checkpoints(name, signal)).length > 0) return 0
  const settled = await settledEnd(storage, signal)
  return from === 'end' ? settled : Math.min(settled, await storage.positionBefore(from, signal))
}

/** An append that is still under way is recorded afterwards, with a position that may be smaller than the last one. */
async function settledEnd(storage: Storage, signal: AbortSignal | undefined): Promise<number> {
  const { events } = await storage.readLog({ ...wholeLog, direction: 'backward', limit: 1 }, signal)
  return events[0]?.position ?? 0
}
