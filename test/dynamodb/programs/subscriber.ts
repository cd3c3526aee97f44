/** Runs a subscription that counts the events of each stream, until it is killed. */
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { emulatorClient } from '../../worlds/dynamodb.ts'
import { countStreams } from '../seen.ts'

const [endpoint = '', table = '', partitions = '1', leaseTime = '1000'] = process.argv.slice(2)
const store = dynamodbStore({ client: emulatorClient(endpoint), table, gapTimeout: 200, retries: 99 })
store.subscribe({
  name: 'seen',
  partitions: Number(partitions),
  leaseTime: Number(leaseTime),
  batchSize: 50,
  transactional: true,
  handleBatch: countStreams,
  onStateChange: (state, { error }) => {
    // The test itself fails because events are missing.
    if (state === 'failed') console.error(error)
  },
})
process.send?.('ready')
