import { fromKysely, type PostgresStore } from '@eventsourced/core/postgres'
import type { Kysely } from 'kysely'

interface Tables {
  invoices: { id: string; amount: number }
}

export async function sendInvoice(db: Kysely<Tables>, store: PostgresStore, id: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx.insertInto('invoices').values({ id, amount: 120 }).execute()
    await store
      .inTransaction(fromKysely(trx))
      .append(`invoice-${id}`, [{ type: 'InvoiceSent', data: { amount: 120 } }], {
        expectedVersion: 'noStream',
      })
  })
}
