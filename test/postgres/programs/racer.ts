/** For each message with a stream's name, races for the stream with eight concurrent callers, and reports the outcomes. */
import { hasCode } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import { counted, range } from '../../../src/conformance/events.ts'

export interface Outcomes {
  /** The number of callers whose append was made. */
  readonly won: number
  /** The number of callers that got a conflict. */
  readonly refused: number
  /** All other errors. */
  readonly others: readonly string[]
}

const [url = '', maxBatch = '500'] = process.argv.slice(2)
const store = postgresStore(url, { maxBatch: Number(maxBatch) })
await store.readStream('warm')

async function race(streamId: string): Promise<Outcomes> {
  let [won, refused] = [0, 0]
  const others: string[] = []
  await Promise.all(
    range(1, 8).map(async (caller) => {
      const expectedVersion = caller % 2 === 0 ? 'noStream' : 0
      try {
        await store.append(streamId, counted(1 + (caller % 3)), { expectedVersion })
        won++
      } catch (error) {
        if (hasCode(error, 'wrong-expected-version') && error.actual > 0) refused++
        else others.push(String(error))
      }
    }),
  )
  return { won, refused, others }
}

process.on('message', async (streamId: string) => {
  if (streamId !== '') process.send?.(await race(streamId))
  else {
    await store.close()
    process.disconnect()
  }
})
process.send?.('ready')
