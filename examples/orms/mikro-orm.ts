import { fromMikroOrm, type PostgresStore } from '@eventsourced/core/postgres'
import type { EntityManager } from '@mikro-orm/postgresql'

export async function sendInvoice(em: EntityManager, store: PostgresStore, id: string): Promise<void> {
  await em.transactional(async (inner) => {
    inner.persist(inner.create('Invoice', { id, amount: 120 }))
    await store
      .inTransaction(fromMikroOrm(inner))
      .append(`invoice-${id}`, [{ type: 'InvoiceSent', data: { amount: 120 } }], {
        expectedVersion: 'noStream',
      })
  })
}
