/** Where a new subscription begins. */
import { LogTruncatedError } from '../errors/index.ts'
import { wholeLog } from '../storage/log-query.ts'
import type { Storage } from '../storage/storage.ts'
import type { StartPosition } from './subscription.ts'

/**
 * Returns the position before the first event that the subscription must handle. A subscription that exists resumes at
 * its checkpoint, so its answer does not matter.
 * @throws LogTruncatedError if the subscription is to begin after a position that the log has not reached
 */
export async function startPosition(
  storage: Storage,
  name: string,
  from: StartPosition,
  signal?: AbortSignal,
): Promise<number> {
  if (from === 'beginning') return 0
  if ((await storage.checkpoints(name, signal)).length > 0) return 0
  if (from === 'end') return settledEnd(storage, signal)
  if ('after' in from) return reached(storage, from.after, signal)
  return Math.min(await settledEnd(storage, signal), await storage.positionBefore(from, signal))
}

/** The same rule as for `readAll({ after })`: behind the end of the log, other events may take the positions. */
async function reached(
  storage: Pick<Storage, 'readLogPage'>,
  after: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const page = await storage.readLogPage({ ...wholeLog, after, limit: 1 }, signal)
  const head = page.head ?? page.frontier
  if (after > head) throw new LogTruncatedError(after, `the log ends at ${head}`)
  return after
}

/** Not the last position: an append that is still under way commits later, perhaps with a lower one. */
async function settledEnd(
  storage: Pick<Storage, 'readLogPage'>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { events } = await storage.readLogPage({ ...wholeLog, direction: 'backward', limit: 1 }, signal)
  return events[0]?.position ?? 0
}
