/** The event that every contestant writes: about 250 bytes of payload, and the usual metadata. */
import { randomUUID } from 'node:crypto'

export interface OrderEvent {
  readonly type: 'OrderLineAdded'
  readonly data: {
    readonly lineNumber: number
    readonly sku: string
    readonly title: string
    readonly quantity: number
    readonly unitPrice: number
    readonly currency: string
    readonly warehouse: string
    readonly customer: { readonly id: string; readonly name: string }
    readonly addedAt: string
  }
  readonly metadata: { readonly correlationId: string; readonly userId: string }
}

export function orderEvent(lineNumber: number): OrderEvent {
  return {
    type: 'OrderLineAdded',
    data: {
      lineNumber,
      sku: `SKU-${lineNumber % 1000}`,
      title: 'Wool blanket, 140 x 200 cm, herringbone',
      quantity: 1 + (lineNumber % 4),
      unitPrice: 129.95,
      currency: 'EUR',
      warehouse: 'Rotterdam',
      customer: { id: `customer-${lineNumber % 100}`, name: 'Ada Example' },
      addedAt: '2025-03-14T09:26:53.589Z',
    },
    metadata: { correlationId: 'b3f5a1de-6f0c-4a39-9d0e-2c7d7f9a4b11', userId: 'clerk-7' },
  }
}

export function orderEvents(count: number): OrderEvent[] {
  return Array.from({ length: count }, (_, index) => orderEvent(index + 1))
}

/** Returns a new name. Names are made of random UUIDs, so they arrive in no order. */
export function newOrderId(): string {
  return `order-${randomUUID()}`
}
