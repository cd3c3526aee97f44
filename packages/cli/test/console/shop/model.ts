/** What the shop knows of its events: their types, two deciders, and two projections into documents. */
import {
  type Decider,
  type DocumentProjection,
  decider,
  projection,
  type RecordedEvent,
} from '@eventsourced/core'

export interface Item {
  readonly sku: string
  readonly quantity: number
  /** Of one piece, in cents. */
  readonly price: number
}

export interface Customer {
  readonly id: string
  readonly name: string
  readonly city: string
  readonly email: string
}

export type OrderEvent =
  | { type: 'OrderPlaced'; data: { customer: Customer; items: readonly Item[]; total: number } }
  | { type: 'ItemAdded'; data: { item: Item; total: number } }
  | { type: 'OrderPaid'; data: { payment: string; amount: number } }
  | { type: 'OrderShipped'; data: { parcel: string; carrier: string } }
  | { type: 'OrderCompleted'; data: { signedBy: string } }
  | { type: 'OrderCancelled'; data: { customer: Customer; reason: string } }

export type StockEvent =
  | { type: 'GoodsReceived'; data: { sku: string; quantity: number; supplier: string } }
  | { type: 'GoodsReserved'; data: { sku: string; quantity: number; order: string } }
  | { type: 'GoodsSold'; data: { sku: string; quantity: number; till: number } }

interface OrderState {
  readonly status: 'new' | 'placed' | 'paid' | 'shipped' | 'completed' | 'cancelled'
  readonly customer?: Customer
  readonly items: readonly Item[]
  readonly total: number
  readonly paid: number
  readonly parcel?: { readonly id: string; readonly carrier: string; readonly signedBy?: string }
  readonly cancelledBecause?: string
}

/** The history of an order. The console only folds, so a command is the event that it causes. */
export const order: Decider<OrderState, OrderEvent, OrderEvent> = decider({
  initialState: (): OrderState => ({ status: 'new', items: [], total: 0, paid: 0 }),
  decide: (command: OrderEvent) => command,
  evolve(state, { type, data }) {
    switch (type) {
      case 'OrderPlaced':
        return { ...state, ...data, status: 'placed' }
      case 'ItemAdded':
        return { ...state, items: [...state.items, data.item], total: data.total }
      case 'OrderPaid':
        return { ...state, status: 'paid', paid: state.paid + data.amount }
      case 'OrderShipped':
        return { ...state, status: 'shipped', parcel: { id: data.parcel, carrier: data.carrier } }
      case 'OrderCompleted':
        return {
          ...state,
          status: 'completed',
          parcel: { id: '', carrier: '', ...state.parcel, signedBy: data.signedBy },
        }
      case 'OrderCancelled':
        return { ...state, status: 'cancelled', cancelledBecause: data.reason }
    }
  },
})

interface StockState {
  readonly available: number
  readonly received: number
  readonly lastSupplier?: string
  readonly reservedFor: readonly string[]
}

/** What is in the store room of one article. */
export const stock: Decider<StockState, StockEvent, StockEvent> = decider({
  initialState: (): StockState => ({ available: 0, received: 0, reservedFor: [] }),
  decide: (command: StockEvent) => command,
  evolve(state, { type, data }) {
    switch (type) {
      case 'GoodsReceived':
        return {
          ...state,
          available: state.available + data.quantity,
          received: state.received + data.quantity,
          lastSupplier: data.supplier,
        }
      case 'GoodsReserved':
        return {
          ...state,
          available: state.available - data.quantity,
          reservedFor: [...state.reservedFor, data.order].slice(-5),
        }
      case 'GoodsSold':
        return { ...state, available: state.available - data.quantity }
    }
  },
})

/** Inline: how often each article was ordered, and for how much. */
export const sales: DocumentProjection<{ pieces: number; revenue: number }, OrderEvent> = projection({
  name: 'sales',
  events: ['OrderPlaced', 'ItemAdded'],
  key: ({ type, data }: RecordedEvent<OrderEvent>) =>
    type === 'OrderPlaced'
      ? data.items.map(({ sku }) => sku)
      : type === 'ItemAdded'
        ? data.item.sku
        : undefined,
  initialState: () => ({ pieces: 0, revenue: 0 }),
  evolve({ pieces, revenue }, { type, data }, sku) {
    const items = type === 'OrderPlaced' ? data.items : [data.item]
    const own = items.filter((item) => item.sku === sku)
    return {
      pieces: own.reduce((sum, { quantity }) => sum + quantity, pieces),
      revenue: own.reduce((sum, { quantity, price }) => sum + quantity * price, revenue),
    }
  },
})

/** Async: what each customer has ordered. */
export const customers: DocumentProjection<
  { name: string; city: string; orders: readonly string[]; cancelled: number },
  OrderEvent
> = projection({
  name: 'customers',
  events: ['OrderPlaced', 'OrderCancelled'],
  key: ({ type, data }: RecordedEvent<OrderEvent>) =>
    type === 'OrderPlaced' || type === 'OrderCancelled' ? data.customer.id : undefined,
  initialState: () => ({ name: '', city: '', orders: [] as readonly string[], cancelled: 0 }),
  evolve(state, { type, data, streamId }) {
    const { name, city } = data.customer
    return type === 'OrderPlaced'
      ? { ...state, name, city, orders: [...state.orders, streamId] }
      : { ...state, cancelled: state.cancelled + 1 }
  },
})
