/** Reads the event whose place an index of ids has named. */
import type { RecordedEvent } from '../event.ts'
import type { RecordedId } from './repeat.ts'
import type { Storage } from './storage.ts'

/** Returns the event; undefined if another event, or none, is at its place: the tables were restored or changed by hand. */
export async function eventAt(
  storage: Pick<Storage, 'readStream'>,
  { id, streamId, version }: RecordedId,
  signal: AbortSignal | undefined,
): Promise<RecordedEvent | undefined> {
  const only = {
    fromVersion: version,
    toVersion: version,
    asOf: undefined,
    direction: 'forward',
    limit: 1,
  } as const
  const [event] = (await storage.readStream(streamId, only, signal)).events
  return event?.id === id ? event : undefined
}
