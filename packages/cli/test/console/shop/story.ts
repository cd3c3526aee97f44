/** The orders of the shop: each one causes a payment, reservations and a parcel, in streams of their own. */
import { type ImportedEvent, uuidOf } from '@eventsourced/core'
import { type Random, randomOf } from '../../../../../torture/random.ts'
import type { Customer, Item } from './model.ts'

const minute = 60_000
const people = [
  ['Ada Lovelace', 'London'],
  ['Zoë Müller', 'Köln'],
  ['山田 太郎', '東京'],
  ['Mary Jackson', 'Hampton'],
  ['مريم ميرزاخاني', 'تهران'],
  ['Łukasz Żółć', 'Łódź'],
  ['Grace Hopper', 'New York'],
  ['Søren Ålund', 'Århus'],
  ['Robert <script>window.hacked = "customer"</script>', 'Tables'],
  ['Katherine Johnson', 'White Sulphur Springs'],
] as const

const customersOfShop: readonly Customer[] = people.map(([name, city], index) => ({
  id: `customer-${String(index + 1).padStart(2, '0')}`,
  name,
  city,
  email: `customer-${index + 1}@${index % 5 === 3 ? 'closed.example' : index % 5 === 4 ? 'slow.example' : 'mail.example'}`,
}))

const articles: readonly (readonly [sku: string, price: number])[] = [
  ['lantern-brass', 4_900],
  ['lantern-tin', 2_450],
  ['blanket-wool', 8_900],
  ['kettle-enamel', 3_250],
  ['tent-two', 24_900],
  ['rope-30m', 1_890],
]
const reasons = ['the card was declined', 'the customer has changed their mind', 'sold out']

/** Collects the events of one business case, each with its cause. */
class Case {
  readonly #correlationId: string
  readonly #userId: string
  readonly #random: Random
  readonly events: ImportedEvent[] = []
  #at: number

  constructor(correlationId: string, userId: string, begin: number, random: Random) {
    this.#correlationId = correlationId
    this.#userId = userId
    this.#at = begin
    this.#random = random
  }

  /** Adds an event some seconds to `minutes` after the one before, and returns its id. */
  add(streamId: string, type: string, data: unknown, cause: string | undefined, minutes = 2): string {
    this.#at += 1_000 + this.#random.below(minutes * minute)
    const id = uuidOf('shop', this.#correlationId, this.events.length)
    this.events.push({
      id,
      streamId,
      type,
      data,
      recordedAt: new Date(this.#at),
      metadata: { correlationId: this.#correlationId, causationId: cause, userId: this.#userId },
      tags: [`customer:${this.#userId}`],
    })
    return id
  }
}

/** Returns the events of so many orders, of which the last one begins an hour before `end`. */
export function ordersOfShop(count: number, end: Date): ImportedEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const begin = end.getTime() - 60 * minute - (count - 1 - index) * 37 * minute
    return eventsOfOrder(1_001 + index, begin, randomOf(22, 'order', index))
  }).flat()
}

function eventsOfOrder(number: number, begin: number, random: Random): ImportedEvent[] {
  const [order, payment, parcel] = ['order', 'payment', 'parcel'].map((kind) => `${kind}-${number}`) as [
    string,
    string,
    string,
  ]
  const customer = random.pick(customersOfShop)
  const one = new Case(`checkout-${number}`, customer.id, begin, random)
  let items = itemsOf(random, 1 + random.below(3))
  let total = totalOf(items)
  let cause = one.add(order, 'OrderPlaced', { customer, items, total }, undefined)
  if (random.percent(30)) {
    const [item] = itemsOf(random, 1) as [Item]
    items = [...items, item]
    total = totalOf(items)
    cause = one.add(order, 'ItemAdded', { item, total }, cause)
  }
  const requested = one.add(payment, 'PaymentRequested', { order, amount: total, method: 'card' }, cause)
  if (random.percent(12)) {
    const declined = one.add(payment, 'PaymentDeclined', { code: 51, text: 'insufficient funds' }, requested)
    one.add(order, 'OrderCancelled', { customer, reason: reasons[0] }, declined)
    return one.events
  }
  const authorised = one.add(payment, 'PaymentAuthorised', { amount: total }, requested)
  const paid = one.add(order, 'OrderPaid', { payment, amount: total }, authorised)
  for (const { sku, quantity } of items) {
    one.add(`stock-${sku}`, 'GoodsReserved', { sku, quantity, order }, paid)
  }
  if (random.percent(8)) {
    const cancelled = one.add(order, 'OrderCancelled', { customer, reason: random.pick(reasons) }, paid)
    one.add(payment, 'PaymentRefunded', { amount: total }, cancelled)
    return one.events
  }
  const carrier = random.pick(['Heron', 'Blue Van', 'Night Post'])
  const packed = one.add(parcel, 'ParcelPacked', { order, grams: 300 + random.below(9_000) }, paid, 5)
  const shipped = one.add(order, 'OrderShipped', { parcel, carrier }, packed)
  const handed = one.add(parcel, 'ParcelHandedOver', { carrier }, shipped, 4)
  if (random.percent(75)) {
    const delivered = one.add(parcel, 'ParcelDelivered', { signedBy: customer.name }, handed, 10)
    one.add(order, 'OrderCompleted', { signedBy: customer.name }, delivered)
  }
  return one.events
}

function itemsOf(random: Random, count: number): Item[] {
  return Array.from({ length: count }, () => {
    const [sku, price] = random.pick(articles)
    return { sku, price, quantity: 1 + random.below(3) }
  })
}

const totalOf = (items: readonly Item[]) =>
  items.reduce((sum, { quantity, price }) => sum + quantity * price, 0)
