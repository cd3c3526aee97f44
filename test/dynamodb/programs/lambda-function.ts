/**
 * A process as Lambda starts it: it calls the handler for each message, and answers with what the call has returned or
 * thrown, and with the number of requests that the process has sent so far. The subscription counts the events of each
 * stream.
 */
import { hasCode } from '@eventsourced/core'
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { lambdaHandler } from '@eventsourced/core/dynamodb/lambda'
import { emulatorClient } from '../../worlds/dynamodb.ts'
import { faulty } from '../../worlds/faulty-client.ts'
import { contextWith } from '../lambda-events.ts'
import { countStreams } from '../seen.ts'

export interface Invocation {
  readonly event: unknown
  /** The time of the call, in milliseconds. */
  readonly time: number
  /** What the handler of the subscription does in place of its work. */
  readonly mistake?: 'fail' | 'hang' | undefined
}

export interface Answer {
  /** The code of the error; null if the call has resolved. */
  readonly code: string | null
  /** The codes of its failures. */
  readonly failures: readonly (string | undefined)[]
  readonly handled: number
  readonly requests: number
}

const [endpoint = '', table = '', partitions = '1', leaseTime = '1000'] = process.argv.slice(2)
const client = emulatorClient(endpoint)
let requests = 0
faulty(client).before(() => {
  requests++
  return undefined
})
const store = dynamodbStore({ client, table, gapTimeout: 200, autoCreate: false })
let mistake: Invocation['mistake']
let hangs = false
const handler = lambdaHandler(store, [
  {
    name: 'seen',
    partitions: Number(partitions),
    leaseTime: Number(leaseTime),
    batchSize: 20,
    onError: { retries: 0 },
    transactional: true,
    async handleBatch(events, context) {
      if (mistake === 'fail') throw new Error('it fails on purpose')
      if (mistake === 'hang') {
        // Only one partition says so.
        if (!hangs) process.send?.('hangs')
        hangs = true
        await new Promise(() => {})
      }
      await countStreams(events, context)
    },
  },
])

process.on('message', async (message: Invocation | 'count') => {
  if (message === 'count') {
    process.send?.(requests)
    return
  }
  mistake = message.mistake
  let answer: Omit<Answer, 'requests'>
  try {
    const { subscriptions } = await handler(message.event, contextWith(message.time))
    answer = { code: null, failures: [], handled: subscriptions[0]?.handled ?? 0 }
  } catch (error) {
    if (!hasCode(error, 'wake-up-failed')) throw error
    const failures = error.failures.map((failure) => (failure.error as { code?: string }).code)
    answer = { code: error.code, failures, handled: 0 }
  }
  process.send?.({ ...answer, requests })
})
