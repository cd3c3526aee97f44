/** Reads a single event of the log by its position. */
import type { RecordedEvent } from '../event.ts'
import { wholeLog } from '../storage/log-query.ts'
import type { Storage } from '../storage/storage.ts'

/** Returns the event at a position; `undefined` if there is none. */
export async function eventAt(
  storage: Pick<Storage, 'readLogPage'>,
  position: number,
  signal: AbortSignal | undefined,
): Promise<RecordedEvent | undefined> {
  const query = { ...wholeLog, after: position - 1, until: position, limit: 1 }
  return (await storage.readLogPage(query, signal)).events[0]
}
