/** Cases of where a subscription may begin, of its status, and of a handler's transaction that is used too late. */
import assert from 'node:assert/strict'
import { hasCode } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import type { HandlerTransaction } from '../projection/transaction.ts'
import type { StartPosition } from '../subscription/subscription.ts'
import type { ConformanceCase } from './case.ts'
import { counted, numbersOf, range } from './events.ts'
import { refused } from './expect.ts'

const group = 'where subscriptions begin'

export const subscriptionStartCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'refuses a position that the log has not reached, and creates nothing',
    async run({ open }) {
      const store = await open()
      const { position } = await store.append('a', counted(3))
      const beyond = { name: 's', from: { after: position + 1_000_000 }, handle() {} }
      const error = await refused(store.runOnce(beyond), 'subscription-failed')
      assert.ok(hasCode(error.cause, 'log-truncated'))
      assert.equal(error.cause.after, position + 1_000_000)
      const subscription = store.subscribe(beyond)
      const { cause } = await refused(subscription.done, 'subscription-failed')
      assert.ok(hasCode(cause, 'log-truncated'))
      assert.equal(await store.subscriptionStatus('s'), undefined)

      const handled: RecordedEvent[] = []
      const handle = (event: RecordedEvent) => void handled.push(event)
      await store.runOnce({ name: 's', from: { after: position }, handle })
      await store.append('a', counted(2, 4))
      // A subscription that exists resumes at its checkpoint, so where a new one would begin does not matter.
      await store.runOnce({ ...beyond, handle })
      assert.deepEqual(numbersOf(handled), range(4, 5))
    },
  },
  {
    group,
    name: 'refuses a bare number as the start, with a hint',
    async run({ open }) {
      const store = await open()
      const from = 5 as unknown as StartPosition
      const error = await refused(() => store.subscribe({ name: 's', from, handle() {} }), 'invalid-input', {
        field: 'from',
      })
      assert.match(error.message, /\{ after: 5 \}/)
    },
  },
  {
    group,
    name: 'reports the state of a subscription only while this store runs it',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(3))
      const subscription = store.subscribe({ name: 's', handle() {} })
      await subscription.caughtUp()
      assert.equal((await store.subscriptionStatus('s'))?.state, (await subscription.status()).state)
      assert.equal((await store.subscriptionStatus('s'))?.state, 'live')
      await subscription.stop()
      assert.equal((await store.subscriptionStatus('s'))?.state, undefined)
    },
  },
  {
    group,
    name: 'reports a subscription that has failed, with its error, until it is started again',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(1))
      const thrown = new Error('no')
      const handle = () => {
        throw thrown
      }
      const subscription = store.subscribe({ name: 's', handle, onError: { retries: 0 } })
      const failed = await refused(subscription.done, 'subscription-failed')
      const { state, lastError } = (await store.subscriptionStatus('s')) ?? {}
      assert.deepEqual({ state, lastError }, { state: 'failed', lastError: failed })
      const again = store.subscribe({ name: 's', handle() {} })
      await again.caughtUp()
      assert.equal((await store.subscriptionStatus('s'))?.state, 'live')
      await again.stop()
    },
  },
  {
    group,
    name: 'reports the lag in milliseconds, and no status of a subscription that is not created yet',
    async run({ open }) {
      const store = await open()
      const { position } = await store.append('a', counted(1))
      assert.equal(await store.subscriptionStatus('s'), undefined)
      await store.runOnce({ name: 's', from: { after: position }, handle() {} })
      const before = Date.now()
      const next = await store.append('a', counted(1, 2))
      await new Promise((resolve) => setTimeout(resolve, 60))
      const { lagTime = 0, lag, lastPosition } = (await store.subscriptionStatus('s')) ?? {}
      // The clock of the database may differ from this process's by a little.
      assert.ok(lagTime >= 30 && lagTime <= Date.now() - before + 30_000, `lagTime ${lagTime}`)
      assert.deepEqual({ lag, lastPosition }, { lag: next.position - position, lastPosition: next.position })
    },
  },
  {
    group,
    name: 'refuses a transaction that a handler uses after it has returned',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(1))
      let late: HandlerTransaction | undefined
      await store.runOnce({
        name: 's',
        transactional: true,
        handle(_event: RecordedEvent, { tx }) {
          late = tx
        },
      })
      await refused(async () => late?.documents('kept').put('k', 1), 'transaction-over')
      assert.equal(await store.view('kept').get('k'), undefined)
    },
  },
]
