import { fromPrisma, type PostgresStore } from '@eventsourced/core/postgres'
import type { PrismaClient } from './generated/prisma/client.ts'

export async function sendInvoice(prisma: PrismaClient, store: PostgresStore, id: string): Promise<void> {
  await prisma.$transaction(async (tx) => {
    await tx.invoice.create({ data: { id, amount: 120 } })
    await store
      .inTransaction(fromPrisma(tx))
      .append(`invoice-${id}`, [{ type: 'InvoiceSent', data: { amount: 120 } }], {
        expectedVersion: 'noStream',
      })
  })
}
