/**
 * Faults of DynamoDB that no emulator has: requests that are refused, that arrive late, or that succeed although their
 * answer is lost. They are injected into the client of the SDK, and the code that uses it does not know about them.
 */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { sleep } from '../../src/runtime/abort.ts'
import { cancelled, faulty, lost, serviceError } from '../../test/worlds/faulty-client.ts'
import type { Random } from '../random.ts'

const refusals = ['ProvisionedThroughputExceededException', 'ThrottlingException', 'InternalServerError']
const cancellations = ['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']

/** Injects faults into the requests of a client. Returns a function that returns how many there were. */
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
    // A late request. A few are so late that readers seal the slot that the writer has taken.
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
