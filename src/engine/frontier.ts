/** Reads the frontier of any storage. */
import type { Frontier } from '../log/frontier.ts'
import { wholeLog } from '../storage/log-query.ts'
import type { Storage } from '../storage/storage.ts'

/** Asks the storage. For a storage without the method, reads the end of the log, which does not show the writers. */
export async function readFrontier(storage: Storage, signal: AbortSignal | undefined): Promise<Frontier> {
  if (storage.frontier !== undefined) return storage.frontier(signal)
  const end = { ...wholeLog, direction: 'backward', limit: 1 } as const
  const { frontier, head = frontier, events } = await storage.readLogPage(end, signal)
  const [event] = events
  const last = event && { position: event.position, recordedAt: event.recordedAt }
  return { position: frontier, head, last, writers: [] }
}
