/** Counts the write units that DynamoDB would bill for the requests of a client. */
import type { ConsumedCapacity, DynamoDBClient } from '@aws-sdk/client-dynamodb'

const writes = /^(PutItem|UpdateItem|DeleteItem|BatchWriteItem|TransactWriteItems)Command$/

/** Begins to count; the answer tells how many units it have been since. */
export function countWriteUnits(client: DynamoDBClient): () => number {
  let units = 0
  client.middlewareStack.add(
    (next, context) => async (args) => {
      if (!writes.test(context.commandName ?? '')) return next(args)
      const result = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: 'TOTAL' } })
      const { ConsumedCapacity } = result.output as Consumption
      for (const { CapacityUnits } of [ConsumedCapacity].flat()) units += CapacityUnits ?? Number.NaN
      return result
    },
    { step: 'initialize' },
  )
  return () => units
}

interface Consumption {
  /** One for each table, where a request may be about several. */
  readonly ConsumedCapacity: ConsumedCapacity | readonly ConsumedCapacity[]
}
