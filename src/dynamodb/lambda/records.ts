/** Reads an event of Lambda: whether subscriptions may have something to do. */
import { readSafely, refuse } from '../../storage/index.ts'
import { eventsKeyPrefixes, slotKeyPrefix } from '../log/slot-stream.ts'

/** A record of DynamoDB Streams, as far as it matters here. */
interface StreamRecord {
  readonly eventSource?: unknown
  readonly eventName?: unknown
  readonly dynamodb?: { readonly Keys?: { readonly p?: { readonly S?: unknown } } }
}

/**
 * Returns whether an event wakes up subscriptions: it comes from a schedule or another caller, or contains the record of a
 * new slot. Other records of the table, such as those of checkpoints and documents, wake up none.
 *
 * @throws InvalidInputError if the event has records of something else than the log's table
 */
export function wakesUp(event: unknown): boolean {
  return readSafely('event', event, () => {
    if (typeof event !== 'object' || event === null) refuse('event', 'must be an object', event)
    const { Records: records } = event as { Records?: unknown }
    if (records === undefined) return true
    if (!Array.isArray(records)) refuse('event.Records', 'must be an array', records)
    return records.map(isNewSlot).includes(true)
  })
}

function isNewSlot(record: StreamRecord | null | undefined, index: number): boolean {
  const field = `event.Records[${index}]`
  const { eventSource, eventName, dynamodb } = record ?? {}
  if (eventSource !== 'aws:dynamodb') {
    refuse(`${field}.eventSource`, "must be 'aws:dynamodb': the source is a stream of DynamoDB", eventSource)
  }
  const key = dynamodb?.Keys?.p?.S
  if (typeof key !== 'string' || eventsKeyPrefixes.some((prefix) => key.startsWith(prefix))) {
    refuse(
      `${field}.dynamodb.Keys.p.S`,
      "must be a key of the log: connect the function to the stream of the table '…_log', not of another one",
      key,
    )
  }
  return eventName === 'INSERT' && key.startsWith(slotKeyPrefix)
}
