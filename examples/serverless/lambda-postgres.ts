/** AWS Lambda on Postgres: one function handles requests, and a schedule starts another one that runs a subscription. */
import { commandHandler, defineEvents, payload } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'

const orders = defineEvents({ OrderPlaced: payload<{ item: string }>() })

// Outside of the functions: Lambda keeps the process, so later calls use the same connections. A process serves one call
// at a time: one connection for the work, and one with which a running subscription keeps its lease.
const store = postgresStore(process.env.DATABASE_URL ?? '', {
  events: orders,
  maxConnections: 2,
  timeout: 5_000,
  autoCreate: false,
})

const handle = commandHandler({
  store,
  decider: orders.decider({
    initialState: () => ({ placed: false }),
    decide(command: { item: string }, { placed }) {
      if (placed) throw new Error('This order was placed already')
      return { type: 'OrderPlaced', data: command }
    },
    evolve: () => ({ placed: true }),
  }),
})

/** Places an order. If the caller repeats a request with the same `requestId`, the first result is returned. */
export async function place(request: { orderId: string; item: string; requestId: string }) {
  const { orderId, item, requestId } = request
  const { version } = await handle(orderId, { item }, { commandId: requestId })
  return { orderId, version }
}

/** Handles what is in the log. Lambda repeats a call that throws. */
export async function mails(_event: unknown, context: { getRemainingTimeInMillis(): number }) {
  const { handled, caughtUp, paused } = await store.runOnce(
    {
      name: 'mails',
      types: ['OrderPlaced'],
      transactional: true,
      // The row commits together with the checkpoint: each order has one, also if a call is repeated.
      async handle({ streamId, data }, { tx }) {
        await tx.query('insert into mails (order_id, item) values ($1, $2)', [streamId, data.item])
      },
    },
    // Leaves time to write the checkpoint and to release the lease.
    { timeout: context.getRemainingTimeInMillis() - 2_000 },
  )
  if (!caughtUp && !paused) throw new Error(`mails is behind after ${handled} events`)
  return { handled }
}
