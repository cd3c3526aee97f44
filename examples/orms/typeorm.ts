import { fromTypeOrm, type PostgresStore } from '@eventsourced/core/postgres'
import type { DataSource } from 'typeorm'

export async function sendInvoice(dataSource: DataSource, store: PostgresStore, id: string): Promise<void> {
  await dataSource.transaction(async (manager) => {
    await manager.insert('Invoice', { id, amount: 120 })
    await store
      .inTransaction(fromTypeOrm(manager))
      .append(`invoice-${id}`, [{ type: 'InvoiceSent', data: { amount: 120 } }], {
        expectedVersion: 'noStream',
      })
  })
}
