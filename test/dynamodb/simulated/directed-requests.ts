/** Requests that get each kind of answer for certain, after any random requests. */
import type { DatabaseRequest } from './database.ts'

const TableName = 'simulated_log'

// No random request writes an item of this partition.
const Key = { p: { S: 'directed' }, s: { S: 's0' } }
const item = { ...Key, n: { N: '1' } }
const isNew = { ConditionExpression: 'attribute_not_exists(p)' }
const isThere = { ConditionExpression: 'attribute_exists(p)' }
const shown = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }

const put = (conditions: object): DatabaseRequest => ({
  command: 'PutItem',
  input: { TableName, Item: item, ...conditions },
})

const update = (conditions: object): DatabaseRequest => ({
  command: 'UpdateItem',
  input: {
    TableName,
    Key,
    UpdateExpression: 'ADD n :one',
    ExpressionAttributeValues: { ':one': { N: '1' } },
    ReturnValues: 'ALL_NEW',
    ...conditions,
  },
})

const remove = (conditions: object): DatabaseRequest => ({
  command: 'DeleteItem',
  input: { TableName, Key, ReturnValues: 'ALL_OLD', ...conditions },
})

const transaction = (ClientRequestToken: string, Item: object, conditions: object): DatabaseRequest => ({
  command: 'TransactWriteItems',
  input: { TransactItems: [{ Put: { TableName, Item, ...conditions } }], ClientRequestToken },
})

const batch = (request: object): DatabaseRequest => ({
  command: 'BatchWriteItem',
  input: { RequestItems: { [TableName]: [request] } },
})

const reads: readonly DatabaseRequest[] = [
  { command: 'GetItem', input: { TableName, Key, ConsistentRead: true } },
  {
    command: 'Query',
    input: {
      TableName,
      ConsistentRead: true,
      KeyConditionExpression: 'p = :p',
      ExpressionAttributeValues: { ':p': Key.p },
    },
  },
  {
    command: 'BatchGetItem',
    input: { RequestItems: { [TableName]: { Keys: [Key], ConsistentRead: true } } },
  },
]

const allReads = reads.map((read) => [`${read.command} done`, read] as const)

/** Each request with its kind of answer, in this order. */
export const directedRequests: readonly (readonly [kind: string, request: DatabaseRequest])[] = [
  ['PutItem done', put(isNew)],
  ['PutItem ConditionalCheckFailedException', put({ ...isNew, ...shown })],
  ['UpdateItem done', update(isThere)],
  ['UpdateItem ConditionalCheckFailedException', update({ ...isNew, ...shown })],
  ...allReads,
  ['DeleteItem ConditionalCheckFailedException', remove({ ...isNew, ...shown })],
  ['DeleteItem done', remove(isThere)],
  // Nothing is there.
  ...allReads,
  ['TransactWriteItems done', transaction('directed 1', item, isNew)],
  [
    'TransactWriteItems TransactionCanceledException',
    transaction('directed 2', item, { ...isNew, ...shown }),
  ],
  // The same request again is answered as done, and writes nothing.
  ['BatchWriteItem done', batch({ DeleteRequest: { Key } })],
  ['TransactWriteItems done', transaction('directed 1', item, isNew)],
  ...allReads,
  // Another request with the same token is refused.
  [
    'TransactWriteItems IdempotentParameterMismatchException',
    transaction('directed 1', { ...item, n: { N: '2' } }, isNew),
  ],
  ['BatchWriteItem done', batch({ PutRequest: { Item: item } })],
  ...allReads,
]
