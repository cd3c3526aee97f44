/** The types of a store on DynamoDB: handlers and raw projections can write items. `tsc` checks this file; it never runs. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { projection, type RecordedEvent } from '@eventsourced/core'
import { type DynamodbTransaction, dynamodbStore } from '@eventsourced/core/dynamodb'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_Claim extends true>() => {}

type Paid = { type: 'Paid'; data: { amount: number } }

const receipts = projection({
  name: 'receipts',
  events: ['Paid'],
  handle(events: readonly RecordedEvent<Paid>[], tx: DynamodbTransaction) {
    for (const { id, data } of events) {
      tx.write({
        Put: { TableName: 'receipts', Item: { id: { S: id }, amount: { N: String(data.amount) } } },
      })
    }
  },
})

const store = dynamodbStore({ client: new DynamoDBClient({}), table: 'shop', inline: [receipts] })

store.subscribe<Paid>({
  name: 'receipts by hand',
  transactional: true,
  async handle(event, { tx }) {
    holds<Equal<typeof tx, DynamodbTransaction>>()
    await tx.documents<number>('totals').put('all', event.data.amount)
    // @ts-expect-error there is no SQL
    await tx.query('select 1')
  },
})

// @ts-expect-error a client must have the method `send`
dynamodbStore({ client: { query() {} } })
// @ts-expect-error DynamoDB has no transactions that stay open
store.inTransaction
