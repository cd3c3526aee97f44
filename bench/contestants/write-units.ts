/** Counts the write units that DynamoDB would bill for the requests of a client. */
import type { ConsumedCapacity, DynamoDBClient } from '@aws-sdk/client-dynamodb'

const writes = /^(PutItem|UpdateItem|DeleteItem|BatchWriteItem|TransactWriteItems)Command$/

/** Starts to count. Returns a function that returns the number of write units since then. */
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
  /** A list, with one element for each table, if the request can use several tables. */
  readonly ConsumedCapacity: ConsumedCapacity | readonly ConsumedCapacity[]
}
