/** The write units that the benchmark counts: those of writes only, as DynamoDB bills them. */
import {
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb'
import { expect, it } from 'vitest'
import { emulatorAt } from '../../bench/contestants/dynamodb-store.ts'
import { countWriteUnits } from '../../bench/contestants/write-units.ts'
import { isMissing, startEmulator } from '../emulators/start.ts'

it.skipIf(isMissing('dynoxide') !== undefined)(
  'counts each kilobyte that is written, twice in a transaction',
  async () => {
    const emulator = await startEmulator('dynoxide')
    const client = new DynamoDBClient(emulatorAt(emulator.endpoint))
    const TableName = 'units'
    await client.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    )
    const put = (id: string) => ({ TableName, Item: { id: { S: id }, text: { S: 'x'.repeat(1_500) } } })
    await client.send(new PutItemCommand(put('before')))
    const unitsSoFar = countWriteUnits(client)
    expect(unitsSoFar()).toBe(0)
    await client.send(new PutItemCommand(put('a')))
    expect(unitsSoFar()).toBe(2)
    await client.send(new GetItemCommand({ TableName, Key: { id: { S: 'a' } } }))
    expect(unitsSoFar()).toBe(2)
    await client.send(
      new TransactWriteItemsCommand({ TransactItems: [{ Put: put('b') }, { Put: put('c') }] }),
    )
    expect(unitsSoFar()).toBe(10)
    client.destroy()
    await emulator.stop()
  },
)
