/** What a text in the “Go to” field names: a position, a stream, an event, or nothing that the store knows at once. */
import type { EventShape } from '../../../../src/console/shapes/event.ts'
import type { Timeline } from '../../../../src/console/shapes/stream.ts'
import { ApiError, get } from '../../api/client.ts'
import { address } from '../../route.ts'

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i
const number = /^[1-9]\d{0,14}$/

/**
 * Returns the address of what the text names; undefined if neither a stream nor an event has it as its id.
 * @throws ApiError if the store does not answer
 */
export async function findTarget(text: string, signal: AbortSignal): Promise<string | undefined> {
  if (number.test(text)) return address('event', { position: text })
  if (uuid.test(text) && (await isFound(get<EventShape>('event', { id: text }, signal)))) {
    return address('event', { id: text })
  }
  if (await isFound(get<Timeline>('stream', { id: text, limit: 1 }, signal))) {
    return address('stream', { id: text })
  }
  // The commands of a user's program make most correlation ids, so no event has them as its own id.
  return uuid.test(text) ? address('trace', { correlation: text }) : undefined
}

async function isFound(reading: Promise<unknown>): Promise<boolean> {
  try {
    await reading
    return true
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return false
    throw error
  }
}
