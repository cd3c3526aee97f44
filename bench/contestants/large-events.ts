/** The events of the cases on DynamoDB, which bills by size: 500 bytes of payload, of which some or little compresses. */
import { randomBytes } from 'node:crypto'
import { type OrderEvent, orderEvent } from './order-events.ts'

export interface LargeEvent {
  readonly type: OrderEvent['type']
  readonly data: object
  readonly metadata: OrderEvent['metadata']
}

/** The usual events with a signature: one half is random, the other much the same in each. */
export function signedEvents(count: number): LargeEvent[] {
  return eventsOf(count, ({ data }) => ({ ...data, signature: randomText(180) }))
}

/** Events as if encrypted: a compressor finds no more than that base64 makes four bytes of three. */
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
