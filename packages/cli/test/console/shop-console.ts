/** The shop in a database of Postgres, with its workers, and a console of it as a process of its own. */
import { dirname } from 'node:path'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { createDatabase } from '../../../../test/database.ts'
import { type ConsoleProcess, startConsole } from './console-process.ts'
import {
  fillShop,
  mailerName,
  type ShopOptions,
  type ShopWorkers,
  sales,
  shopConfig,
  startShop,
} from './shop.ts'

export interface ShopConsole {
  /** The URL of the page. */
  readonly url: string
  readonly store: PostgresStore
  readonly workers: ShopWorkers
  /** The positions of the first event of order-1031, and of the first event that the mailer has parked. */
  readonly positions: { readonly event: number; readonly parked: number }
  /** Starts one more console of the same shop. The caller stops it. */
  start(...words: readonly string[]): Promise<ConsoleProcess>
  stop(): Promise<void>
}

export interface ShopConsoleOptions extends ShopOptions {
  /** A Postgres server. */
  readonly server: string | undefined
}

export async function startShopConsole({ server, ...shop }: ShopConsoleOptions): Promise<ShopConsole> {
  const database = await createDatabase(server)
  const store = postgresStore(database.url, { inline: [sales] })
  await fillShop(store, shop)
  const workers = startShop(store)
  await workers.caughtUp()
  const SHOP_URL = database.url
  const start = (...words: readonly string[]) =>
    startConsole(words, { environment: { SHOP_URL }, folder: dirname(shopConfig) })
  const main = await start()
  const { events } = await store.readStream('order-1031', { limit: 1 })
  const { value: parked } = await store.parked(mailerName).list()[Symbol.asyncIterator]().next()
  return {
    url: main.url,
    store,
    workers,
    positions: { event: events[0]?.position ?? 0, parked: parked?.position ?? 0 },
    start,
    async stop() {
      await main.stop()
      await workers.stop()
      await store.close()
      await database.drop()
    },
  }
}
