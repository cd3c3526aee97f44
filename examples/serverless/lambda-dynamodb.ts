/** AWS Lambda on DynamoDB: one function handles requests, and the stream of the log starts another one after each append. */
import { commandHandler, defineEvents, payload } from '@eventsourced/core'
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { lambdaHandler } from '@eventsourced/core/dynamodb/lambda'

const orders = defineEvents({ OrderPlaced: payload<{ item: string }>() })

// The AWS SDK takes the region and the credentials from the environment of the function.
const store = dynamodbStore({ table: process.env.TABLE, events: orders, autoCreate: false })

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
export const mails = lambdaHandler(store, [
  {
    name: 'mails',
    types: ['OrderPlaced'],
    transactional: true,
    // The document is written together with the checkpoint: each order has one, also if a call is repeated.
    async handle({ streamId, data }, { tx }) {
      await tx.documents<{ item: string }>('mails').put(streamId, data)
    },
  },
])
