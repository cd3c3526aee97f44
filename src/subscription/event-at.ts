/** Queries of the log that a subscription asks, beside its pages. */
import type { RecordedEvent } from '../event.ts'
import { wholeLog } from '../storage/log-query.ts'
import type { Storage } from '../storage/storage.ts'

export async function eventAt(
  storage: Pick<Storage, 'readLogPage'>,
  position: number,
  signal: AbortSignal | undefined,
): Promise<RecordedEvent | undefined> {
  const query = { ...wholeLog, after: position - 1, until: position, limit: 1 }
  return (await storage.readLogPage(query, signal)).events[0]
}
