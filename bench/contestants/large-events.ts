/** The events of the cases on DynamoDB, which bills by size: 500 bytes of payload that compress well or hardly at all. */
import { randomBytes } from 'node:crypto'
import { type OrderEvent, orderEvent } from './order-events.ts'

export interface LargeEvent {
  readonly type: OrderEvent['type']
  readonly data: object
  readonly metadata: OrderEvent['metadata']
}

/** Returns the usual events with a signature: one half is random, the other half is similar in all events. */
export function signedEvents(count: number): LargeEvent[] {
  return eventsOf(count, ({ data }) => ({ ...data, signature: randomText(180) }))
}

/** Returns events that look encrypted: a compressor can only undo base64, which turns three bytes into four. */
export function sealedEvents(count: number): LargeEvent[] {
  return eventsOf(count, ({ data: { lineNumber } }) => ({ lineNumber, sealed: randomText(351) }))
}

function eventsOf(count: number, payload: (event: OrderEvent) => object): LargeEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const event = orderEvent(index + 1)
    return { ...event, data: payload(event) }
  })
}

function randomText(bytes: number): string {
  return randomBytes(bytes).toString('base64')
}
