import { fromDrizzle, type PostgresStore } from '@eventsourced/core/postgres'
import { sql } from 'drizzle-orm'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import { bigint, pgTable, uuid } from 'drizzle-orm/pg-core'

const invoices = pgTable('invoices', { id: uuid().primaryKey(), amount: bigint({ mode: 'number' }) })

export async function sendInvoice(db: NodePgDatabase, store: PostgresStore, id: string): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.insert(invoices).values({ id, amount: 120 })
    await store
      .inTransaction(fromDrizzle(tx, sql))
      .append(`invoice-${id}`, [{ type: 'InvoiceSent', data: { amount: 120 } }], {
        expectedVersion: 'noStream',
      })
  })
}
