/** Emmett on Postgres, used as its documentation recommends. */

import type { BenchStoreKind, Consumer } from './event-store.ts'
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
  consumer(): EmmettConsumer
  close(): Promise<void>
}

interface EmmettConsumer {
  reactor(options: {
    readonly processorId: string
    readonly eachMessage: (message: { readonly metadata: { readonly streamName: string } }) => void
  }): unknown
  projector(options: { readonly processorId: string; readonly projection: unknown }): unknown
  start(): Promise<void>
  stop(): Promise<void>
}

interface EmmettPostgres {
  getPostgreSQLEventStore(url: string, options?: { readonly projections: unknown }): EmmettStore
  pongoSingleStreamProjection(options: {
    readonly collectionName: string
    readonly canHandle: readonly string[]
    initialState(): Order
    evolve(state: Order, event: OrderEvent): Order
  }): unknown
}

interface Emmett {
  readonly projections: { inline(projections: readonly unknown[]): unknown }
  readonly STREAM_DOES_NOT_EXIST: string
  isExpectedVersionConflictError(error: unknown): boolean
  CommandHandler(options: {
    evolve(state: Order, event: OrderEvent): Order
    initialState(): Order
  }): (store: EmmettStore, streamId: string, handle: (state: Order) => OrderEvent) => Promise<unknown>
}

const fold = {
  initialState: () => ({ lines: 0, total: 0 }),
  evolve: ({ lines, total }: Order, { data }: OrderEvent) => ({
    lines: lines + 1,
    total: total + data.quantity * data.unitPrice,
  }),
}

/** Starts a consumer. Its promise resolves when the consumer is stopped. */
function startConsumer(consumer: EmmettConsumer): Consumer {
  const running = consumer.start()
  return {
    async stop() {
      // `close` of the consumer would end the pool of the whole store.
      await consumer.stop()
      await running
    },
  }
}

export const emmett: BenchStoreKind = {
  name: 'Emmett',
  countEvents: 'select count(*) from emt_messages',
  countDocuments: 'select count(*) from orders',
  checkpointOf: (name) =>
    `select coalesce(max(last_processed_checkpoint::bigint), 0) as count from emt_processors where processor_id = '${name}'`,
  async open(url, { inline = false } = {}) {
    const core = requirePeer<Emmett>('@event-driven-io/emmett')
    const postgres = requirePeer<EmmettPostgres>('@event-driven-io/emmett-postgresql')
    const documents = () =>
      postgres.pongoSingleStreamProjection({
        collectionName: 'orders',
        canHandle: ['OrderLineAdded'],
        ...fold,
      })
    const store = inline
      ? postgres.getPostgreSQLEventStore(url, { projections: core.projections.inline([documents()]) })
      : postgres.getPostgreSQLEventStore(url)
    await store.schema.migrate()
    /**
     * Retries at once after a conflict: Emmett's own retry waits 100 ms or longer. Even without an expected version,
     * Emmett refuses an append if another append to the stream came first. It also reports other unique violations as a
     * conflict, for example when two appends create a document's table.
     */
    async function append(...call: Parameters<typeof store.appendToStream>) {
      for (;;) {
        try {
          return await store.appendToStream(...call)
        } catch (error) {
          if (!core.isExpectedVersionConflictError(error)) throw error
        }
      }
    }
    return {
      appendNew: (stream, events) =>
        append(stream, events, { expectedStreamVersion: core.STREAM_DOES_NOT_EXIST }),
      appendAny: (stream, events) => append(stream, events),
      read: async (stream) => (await store.readStream(stream)).events.length,
      commandHandler() {
        const handle = core.CommandHandler(fold)
        return (stream) => handle(store, stream, ({ lines }) => orderEvent(lines + 1))
      },
      async consume(name, handle) {
        const consumer = store.consumer()
        consumer.reactor({
          processorId: name,
          eachMessage: ({ metadata }) => handle({ streamId: metadata.streamName }),
        })
        return startConsumer(consumer)
      },
      async project(name) {
        const consumer = store.consumer()
        consumer.projector({ processorId: name, projection: documents() })
        return startConsumer(consumer)
      },
      close: () => store.close(),
    }
  },
}
