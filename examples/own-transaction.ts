/**
 * Writes your rows and the events in one transaction of your own: both are committed, or neither is.
 * Needs a Postgres: DATABASE_URL=postgres://… tsx examples/own-transaction.ts
 */
import { commandHandler, decider } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'

type OrderEvent =
  | { type: 'OrderPlaced'; data: { item: string; quantity: number } }
  | { type: 'OrderCancelled'; data: { reason: string } }

const order = decider({
  initialState: () => ({ status: 'new' }),
  decide(command: { place: string; quantity: number } | { cancel: string }, { status }): OrderEvent {
    if ('cancel' in command) return { type: 'OrderCancelled', data: { reason: command.cancel } }
    if (status !== 'new') throw new Error(`This order is ${status} already`)
    return { type: 'OrderPlaced', data: { item: command.place, quantity: command.quantity } }
  },
  evolve(_state, { type }) {
    switch (type) {
      case 'OrderPlaced':
        return { status: 'placed' }
      case 'OrderCancelled':
        return { status: 'cancelled' }
    }
  },
})

const connectionString = process.env.DATABASE_URL
if (connectionString === undefined) {
  console.error('This example needs a Postgres: set DATABASE_URL to postgres://…')
  process.exit(1)
}
const pool = new pg.Pool({ connectionString })
const store = postgresStore(pool)
await store.schema.create()
await pool.query(
  'create table if not exists stock (item text primary key, left_over int check (left_over >= 0))',
)
await pool.query(`insert into stock values ('tea', 10) on conflict (item) do update set left_over = 10`)

/** Takes the goods from the table `stock` and records the order: both, or neither. */
async function place(orderId: string, item: string, quantity: number): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin isolation level read committed')
    await client.query('update stock set left_over = left_over - $1 where item = $2', [quantity, item])
    const handle = commandHandler({ store: store.inTransaction(client), decider: order })
    await handle(orderId, { place: item, quantity })
    await client.query('commit')
    console.log(`${orderId}: placed`)
  } catch (error) {
    await client.query('rollback')
    console.log(`${orderId}: nothing happened, because: ${(error as Error).message}`)
  } finally {
    client.release()
  }
}

const run = Date.now()
await place(`order-${run}-1`, 'tea', 7)
await place(`order-${run}-2`, 'tea', 7) // Not enough is left: the constraint of our table rolls the event back, too.
await place(`order-${run}-1`, 'tea', 1) // This order exists: the decider refuses it, so the stock does not change.

const { rows } = await pool.query(`select left_over from stock where item = 'tea'`)
const second = await store.readStream(`order-${run}-2`)
console.log(`${rows[0].left_over} left; the second order has ${second.events.length} events`)

await store.close()
await pool.end()
