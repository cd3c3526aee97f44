/** Queries of the log that a subscription asks, beside its pages. */
import type { RecordedEvent } from '../event.ts'
import type { LogQuery, Storage } from '../storage.ts'

/** All events, from the first one on. */
export const wholeLog: Omit<LogQuery, 'limit'> = {
  after: 0,
  until: Number.MAX_SAFE_INTEGER,
  types: undefined,
  streamPrefix: undefined,
  tags: undefined,
  partition: undefined,
  direction: 'forward',
}

export async function eventAt(
  storage: Pick<Storage, 'readLog'>,
  position: number,
  signal: AbortSignal | undefined,
): Promise<RecordedEvent | undefined> {
  const query = { ...wholeLog, after: position - 1, until: position, limit: 1 }
  return (await storage.readLog(query, signal)).events[0]
}
