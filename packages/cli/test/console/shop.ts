/**
 * A small shop: a store with a few hundred streams, made from a seed, and the workers of a program that runs beside the
 * console. The tests, the screenshots and anybody who wants to see the console with data use it.
 */
import type { EventStore, Subscription } from '@eventsourced/core'
import { Mailer } from './shop/mailer.ts'
import { customers } from './shop/model.ts'
import { otherEvents } from './shop/other-events.ts'
import { ordersOfShop } from './shop/story.ts'

export { sales } from './shop/model.ts'
export { hostileStream, largeStream, longStream, longStreamEvents } from './shop/other-events.ts'

/** The path of the shop's configuration file. It needs `SHOP_URL`. */
export const shopConfig: string = new URL('./shop/eventsourced.config.ts', import.meta.url).pathname
export const mailerName = 'mailer'

export interface ShopOptions {
  /** The time of the last event is a little before this one. @default now */
  readonly end?: Date | undefined
  /** @default 120 */
  readonly orders?: number | undefined
}

// biome-ignore lint/suspicious/noExplicitAny: the shop fills a store of any events
type AnyStore = EventStore<any, any>

/** Fills a store. Open it with `{ inline: [sales] }`, as the shop's configuration file does. */
export async function fillShop(
  store: AnyStore,
  { end = new Date(), orders = 120 }: ShopOptions = {},
): Promise<void> {
  const events = [...ordersOfShop(orders, end), ...otherEvents(end)]
  events.sort((a, b) => Number(a.recordedAt) - Number(b.recordedAt))
  await store.import(events)
}

/** The running workers of the shop. */
export interface ShopWorkers {
  readonly mailer: Mailer
  /** Waits until the workers have handled every event. */
  caughtUp(): Promise<void>
  stop(): Promise<void>
}

/** Starts the projection `customers` and the handler `mailer`, which parks what it cannot send. */
export function startShop(store: AnyStore): ShopWorkers {
  const mailer = new Mailer()
  const subscriptions: readonly Subscription[] = [
    store.subscribe({ projection: customers }),
    store.subscribe({
      name: mailerName,
      types: ['OrderPlaced', 'OrderCancelled'],
      partitions: 4,
      handle: mailer.handle,
      onError: { retries: 0, action: 'park' },
    }),
  ]
  return {
    mailer,
    caughtUp: async () => void (await Promise.all(subscriptions.map((one) => one.caughtUp()))),
    stop: async () => void (await Promise.all(subscriptions.map((one) => one.stop()))),
  }
}
