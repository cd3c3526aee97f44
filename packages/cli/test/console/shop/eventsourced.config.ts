/** The configuration file of the shop, as a user writes one. SHOP_URL names its database. */
import { postgresStore } from '@eventsourced/core/postgres'
import { customers, order, sales, stock } from './model.ts'

const url = process.env.SHOP_URL
if (url === undefined) throw new Error('Set SHOP_URL to the database of the shop')

export const store = postgresStore(url, { inline: [sales], autoCreate: false, maxConnections: 4 })
export const deciders = { order, stock }
export const projections = [sales, customers]
