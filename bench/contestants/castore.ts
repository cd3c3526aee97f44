/** Castore on DynamoDB, with the table that its documentation describes. */
import type * as Sdk from '@aws-sdk/client-dynamodb'
import { type DynamodbBenchStoreKind, emulatorAt } from './dynamodb-store.ts'
import type { LargeEvent } from './large-events.ts'
import { requirePeer } from './peers.ts'

const tableName = 'bench'

interface Order {
  readonly aggregateId: string
  readonly version: number
}

interface CastoreEvent {
  readonly aggregateId: string
  readonly version: number
  readonly type: LargeEvent['type']
  readonly payload: LargeEvent['data']
  readonly metadata: LargeEvent['metadata']
}

interface CastoreStore {
  pushEvent(event: CastoreEvent): Promise<unknown>
  groupEvent(event: CastoreEvent): unknown
  getEvents(aggregateId: string): Promise<{ readonly events: readonly unknown[] }>
}

interface Castore {
  readonly EventType: new (options: { readonly type: string }) => unknown
  readonly EventStore: {
    new (options: {
      readonly eventStoreId: string
      readonly eventTypes: readonly unknown[]
      readonly eventStorageAdapter: unknown
      reducer(order: Order | undefined, event: CastoreEvent): Order
    }): CastoreStore
    pushEventGroup(...groupedEvents: readonly unknown[]): Promise<unknown>
  }
}

interface CastoreAdapter {
  readonly DynamoDBSingleTableEventStorageAdapter: new (options: {
    readonly tableName: string
    readonly dynamoDBClient: Sdk.DynamoDBClient
  }) => unknown
}

export const castore: DynamodbBenchStoreKind = {
  name: 'Castore',
  async open(endpoint) {
    const { EventStore, EventType } = requirePeer<Castore>('@castore/core')
    const adapter = requirePeer<CastoreAdapter>('@castore/event-storage-adapter-dynamodb')
    const sdk = requirePeer<typeof Sdk>('@aws-sdk/client-dynamodb')
    const client = new sdk.DynamoDBClient(emulatorAt(endpoint))
    await client.send(new sdk.CreateTableCommand(table))
    const store = new EventStore({
      eventStoreId: 'ORDERS',
      eventTypes: [new EventType({ type: 'OrderLineAdded' })],
      eventStorageAdapter: new adapter.DynamoDBSingleTableEventStorageAdapter({
        tableName,
        dynamoDBClient: client,
      }),
      reducer: (_, { aggregateId, version }) => ({ aggregateId, version }),
    })
    return {
      client,
      async append(aggregateId, events, version) {
        const details = events.map(({ type, data, metadata }, index) => ({
          aggregateId,
          version: version + index + 1,
          type,
          payload: data,
          metadata,
        }))
        const [first, ...others] = details
        // A group is a transaction, which costs twice as much. An application would not use one for a single event.
        if (first !== undefined && others.length === 0) return store.pushEvent(first)
        return EventStore.pushEventGroup(...details.map((detail) => store.groupEvent(detail)))
      },
      read: async (aggregateId) => (await store.getEvents(aggregateId)).events.length,
      async count() {
        let count = 0
        for await (const page of sdk.paginateScan({ client }, { TableName: tableName, Select: 'COUNT' })) {
          count += page.Count ?? 0
        }
        return count
      },
      async close() {
        client.destroy()
      },
    }
  },
}

const table: Sdk.CreateTableCommandInput = {
  TableName: tableName,
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [
    { AttributeName: 'aggregateId', AttributeType: 'S' },
    { AttributeName: 'version', AttributeType: 'N' },
    { AttributeName: 'eventStoreId', AttributeType: 'S' },
    { AttributeName: 'timestamp', AttributeType: 'S' },
  ],
  KeySchema: [
    { AttributeName: 'aggregateId', KeyType: 'HASH' },
    { AttributeName: 'version', KeyType: 'RANGE' },
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: 'initialEvents',
      KeySchema: [
        { AttributeName: 'eventStoreId', KeyType: 'HASH' },
        { AttributeName: 'timestamp', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'KEYS_ONLY' },
    },
  ],
}
