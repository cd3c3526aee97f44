/** Appends to streams until it is killed, and reports each acknowledged append to the test. */
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { emulatorClient } from '../../worlds/dynamodb.ts'

const [endpoint = '', table = '', streams = '1'] = process.argv.slice(2)
const store = dynamodbStore({ client: emulatorClient(endpoint), table, gapTimeout: 200 })

async function append(caller: number): Promise<never> {
  for (let nth = 0; ; nth++) {
    const streamId = `s-${(caller + nth) % Number(streams)}`
    const name = `${process.pid}-${caller}-${nth}`
    const { position } = await store.append(streamId, [{ type: 'Happened', data: { name } }])
    process.send?.({ name, position })
  }
}

await Promise.all([0, 1, 2].map(append))
