import { fromKnex, type PostgresStore } from '@eventsourced/core/postgres'
import type { Knex } from 'knex'

export async function sendInvoice(knex: Knex, store: PostgresStore, id: string): Promise<void> {
  await knex.transaction(async (trx) => {
    await trx('invoices').insert({ id, amount: 120 })
    await store
      .inTransaction(fromKnex(trx))
      .append(`invoice-${id}`, [{ type: 'InvoiceSent', data: { amount: 120 } }], {
        expectedVersion: 'noStream',
      })
  })
}
