/** This library on DynamoDB, with its defaults. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { type DynamodbBenchStoreKind, emulatorAt } from './dynamodb-store.ts'

export const oursOnDynamodb: DynamodbBenchStoreKind = {
  name: 'eventsourced',
  async open(endpoint) {
    const client = new DynamoDBClient(emulatorAt(endpoint))
    const store = dynamodbStore({ client, table: 'bench' })
    await store.schema.create()
    let counted = 0
    let last: number | undefined
    return {
      client,
      append: (streamId, events, expectedVersion) => store.append(streamId, events, { expectedVersion }),
      read: async (streamId) => (await store.readStream(streamId)).events.length,
      async count() {
        // Counts only the events since the last call.
        for await (const { position } of store.readAll({ after: last })) {
          counted++
          last = position
        }
        return counted
      },
      async close() {
        await store.close()
        client.destroy()
      },
    }
  },
}
