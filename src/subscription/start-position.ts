/** Finds the position at which a new subscription begins, or to which an operator moves one. */
import { LogTruncatedError } from '../errors/index.ts'
import { wholeLog } from '../storage/log-query.ts'
import type { Storage } from '../storage/storage.ts'
import type { StartPosition } from './subscription.ts'

/**
 * Returns the position before the first event that the subscription must handle.
 * @throws LogTruncatedError if `after` is beyond the last position of the log
 */
export async function startPosition(
  storage: Storage,
  from: StartPosition,
  signal?: AbortSignal,
): Promise<number> {
  if (from === 'beginning') return 0
  if (from === 'end') return lastSettledPosition(storage, signal)
  if ('after' in from) return checkedAfter(storage, from.after, signal)
  return Math.min(await lastSettledPosition(storage, signal), await storage.positionBefore(from, signal))
}

/** Refuses a position after the end of the log, as `readAll({ after })` does: later events will get those positions. */
async function checkedAfter(
  storage: Pick<Storage, 'readLogPage'>,
  after: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const page = await storage.readLogPage({ ...wholeLog, after, limit: 1 }, signal)
  const head = page.head ?? page.frontier
  if (after > head) throw new LogTruncatedError(after, `the log ends at ${head}`)
  return after
}

/** The frontier, and not the last position of the log: an append that runs may still commit with a lower position. */
async function lastSettledPosition(
  storage: Pick<Storage, 'readLogPage'>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { events } = await storage.readLogPage({ ...wholeLog, direction: 'backward', limit: 1 }, signal)
  return events[0]?.position ?? 0
}
