/**
 * Faults of a store on DynamoDB, which no emulator has: requests that are refused, that are late, or whose answer is lost though
 * they were done. As they are made in the client, they are the client's own: its process is told of none of them.
 */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { sleep } from '../../src/runtime/abort.ts'
import { cancelled, faulty, lost, serviceError } from '../../test/worlds/faulty-client.ts'
import type { Random } from '../random.ts'

const refusals = ['ProvisionedThroughputExceededException', 'ThrottlingException', 'InternalServerError']
const cancellations = ['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']

/** Returns how many there were. */
export function injectRequestFaults(client: DynamoDBClient, random: Random): () => number {
  let count = 0
  const faults = faulty(client)
  faults.before(async (request) => {
    const share = random.next() * 100
    if (share >= 9) return undefined
    count++
    if (share < 4) {
      if (request.command !== 'TransactWriteItems') return serviceError(random.pick(refusals))
      return cancelled(random.pick(cancellations), request)
    }
    // Late: most of them a little, some so much that readers seal the slot that the writer has taken.
    await sleep(share < 8.8 ? random.below(50) : 800 + random.below(1_500))
    return undefined
  })
  faults.afterWrites(() => {
    if (!random.percent(3)) return undefined
    count++
    return random.percent(50) ? lost() : serviceError('InternalServerError')
  })
  return () => count
}
