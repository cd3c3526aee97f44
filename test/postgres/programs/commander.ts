/** For each message with a stream's name, handles many commands on that stream at once, and reports the outcomes. */
import { commandHandler, decider } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import { range } from '../../../src/conformance/events.ts'

export interface CommandOutcomes {
  /** The number of commands that were handled. */
  readonly handled: number
  readonly errors: readonly string[]
}

export type Counted = { type: 'Counted'; data: { by: string; after: number } }

const [url = '', name = '', count = '25'] = process.argv.slice(2)
const store = postgresStore(url)
await store.readStream('warm')
const handle = commandHandler({
  store,
  decider: decider({
    initialState: () => 0,
    decide: (by: string, after): Counted => ({ type: 'Counted', data: { by, after } }),
    evolve: (sum, _event) => sum + 1,
  }),
})

process.on('message', async (streamId: string) => {
  if (streamId === '') {
    await store.close()
    process.disconnect()
    return
  }
  const outcomes = await Promise.allSettled(
    range(1, Number(count)).map((number) => handle(streamId, `${name} ${number}`)),
  )
  const errors = outcomes
    .filter(({ status }) => status === 'rejected')
    .map((one) => String((one as { reason: unknown }).reason))
  process.send?.({ handled: outcomes.length - errors.length, errors } satisfies CommandOutcomes)
})
process.send?.('ready')
