/**
 * Runs a subscription until it is killed. A document for each stream counts the events that the handler
 * received, and the faults in their order. It is written in the transaction of the checkpoint, so that each
 * event counts exactly once.
 */
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { emulatorClient } from '../../worlds/dynamodb.ts'

export interface Seen {
  readonly count: number
  readonly last: number
  readonly faults: number
}

const [endpoint = '', table = '', partitions = '1', leaseTime = '1000'] = process.argv.slice(2)
const store = dynamodbStore({ client: emulatorClient(endpoint), table, gapTimeout: 200, retries: 99 })
store.subscribe({
  name: 'seen',
  partitions: Number(partitions),
  leaseTime: Number(leaseTime),
  batchSize: 50,
  transactional: true,
  async handleBatch(events, { tx }) {
    const documents = tx.documents<Seen>('seen')
    for (const { streamId, version } of events) {
      const { count, last, faults } = (await documents.get(streamId)) ?? { count: 0, last: 0, faults: 0 }
      const isNext = version === last + 1
      await documents.put(streamId, { count: count + 1, last: version, faults: faults + (isNext ? 0 : 1) })
    }
  },
  onStateChange: (state, { error }) => {
    // The test itself fails because events are missing.
    if (state === 'failed') console.error(error)
  },
})
process.send?.('ready')
