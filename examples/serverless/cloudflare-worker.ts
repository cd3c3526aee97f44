/** A Cloudflare Worker on Postgres: each request opens a store and closes it, and a cron trigger runs a subscription. */
import type { Event } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import postgres from 'postgres'

type OrderPlaced = Event<'OrderPlaced', { item: string }>

/** The binding of Hyperdrive, which keeps the connections to Postgres. */
interface Env {
  readonly HYPERDRIVE: { readonly connectionString: string }
}

// Not at the top of the module: a Worker may not use a connection that another request has opened.
async function withStore<Result>(env: Env, use: (store: PostgresStore<OrderPlaced>) => Promise<Result>) {
  const sql = postgres(env.HYPERDRIVE.connectionString, { max: 2, fetch_types: false })
  const store = postgresStore<OrderPlaced>(sql, { autoCreate: false, timeout: 5_000 })
  try {
    return await use(store)
  } finally {
    await store.close()
    await sql.end({ timeout: 1 })
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { orderId, item } = (await request.json()) as { orderId: string; item: string }
    const placed = { type: 'OrderPlaced', data: { item } } as const
    const { version } = await withStore(env, (store) => store.append(orderId, [placed]))
    return Response.json({ orderId, version })
  },

  async scheduled(_event: unknown, env: Env): Promise<void> {
    await withStore(env, (store) =>
      store.runOnce(
        {
          name: 'mails',
          transactional: true,
          async handle({ streamId, data }, { tx }) {
            await tx.query('insert into mails (order_id, item) values ($1, $2)', [streamId, data.item])
          },
        },
        { timeout: 20_000 },
      ),
    )
  },
}
