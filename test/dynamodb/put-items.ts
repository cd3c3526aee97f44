/** Puts many items into a table. */
import { BatchWriteItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { StoredItem } from './ground.ts'

const maxItems = 25
const requestsAtOnce = 8

export async function putItems(
  client: DynamoDBClient,
  table: string,
  items: readonly StoredItem[],
): Promise<void> {
  const batches: (readonly StoredItem[])[] = []
  for (let from = 0; from < items.length; from += maxItems) batches.push(items.slice(from, from + maxItems))
  await Promise.all(
    Array.from({ length: requestsAtOnce }, async () => {
      for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
        let requests = batch.map((Item) => ({ PutRequest: { Item } }))
        while (requests.length > 0) {
          const output = await client.send(new BatchWriteItemCommand({ RequestItems: { [table]: requests } }))
          requests = (output.UnprocessedItems?.[table] ?? []) as typeof requests
        }
      }
    }),
  )
}
