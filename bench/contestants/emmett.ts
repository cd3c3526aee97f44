/** Emmett on Postgres, used as its documentation recommends. */

import type { BenchStoreKind } from './event-store.ts'
import { type OrderEvent, orderEvent } from './order-events.ts'
import { requirePeer } from './peers.ts'

interface Order {
  readonly lines: number
  readonly total: number
}

interface EmmettStore {
  appendToStream(
    stream: string,
    events: readonly OrderEvent[],
    options?: { readonly expectedStreamVersion: string },
  ): Promise<unknown>
  readStream(stream: string): Promise<{ readonly events: readonly unknown[] }>
  readonly schema: { migrate(): Promise<unknown> }
  close(): Promise<void>
}

interface EmmettPostgres {
  getPostgreSQLEventStore(url: string): EmmettStore
}

interface Emmett {
  readonly STREAM_DOES_NOT_EXIST: string
  isExpectedVersionConflictError(error: unknown): boolean
  CommandHandler(options: {
    evolve(state: Order, event: OrderEvent): Order
    initialState(): Order
  }): (store: EmmettStore, streamId: string, handle: (state: Order) => OrderEvent) => Promise<unknown>
}

export const emmett: BenchStoreKind = {
  name: 'Emmett',
  countEvents: 'select count(*) from emt_messages',
  async open(url) {
    const core = requirePeer<Emmett>('@event-driven-io/emmett')
    const postgres = requirePeer<EmmettPostgres>('@event-driven-io/emmett-postgresql')
    const store = postgres.getPostgreSQLEventStore(url)
    await store.schema.migrate()
    return {
      appendNew: (stream, events) =>
        store.appendToStream(stream, events, { expectedStreamVersion: core.STREAM_DOES_NOT_EXIST }),
      async appendAny(stream, events) {
        // Without an expected version Emmett refuses an append that another one overtakes. Its own retry waits
        // 100 ms and longer; trying again at once gets more in.
        for (;;) {
          try {
            return await store.appendToStream(stream, events)
          } catch (error) {
            if (!core.isExpectedVersionConflictError(error)) throw error
          }
        }
      },
      read: async (stream) => (await store.readStream(stream)).events.length,
      commandHandler() {
        const handle = core.CommandHandler({
          initialState: () => ({ lines: 0, total: 0 }),
          evolve: ({ lines, total }, { data }) => ({
            lines: lines + 1,
            total: total + data.quantity * data.unitPrice,
          }),
        })
        return (stream) => handle(store, stream, ({ lines }) => orderEvent(lines + 1))
      },
      close: () => store.close(),
    }
  },
}
