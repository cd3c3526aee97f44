/** Cases of subscriptions that meet an event which their catalogue cannot read. */
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../event.ts'
import { projection } from '../projection/projection.ts'
import type { SubscriptionState } from '../subscription/subscription.ts'
import type { ConformanceCase } from './case.ts'
import { openNewer, openUnreadable, type Unreadable, unreadables } from './catalogue-unreadable.ts'
import { collect, collector } from './events.ts'
import { latch, refused } from './expect.ts'

const group = 'catalogues: unreadable events'

const needsNewer = ({ reason }: Unreadable) => reason === 'unknown-type' || reason === 'newer-version'

export const catalogueOutdatedCases: readonly ConformanceCase[] = [
  ...unreadables.map(
    (one): ConformanceCase => ({
      group,
      name: `stop a subscription at ${one.name}, after what precedes it`,
      needs: one.needs,
      async run(context) {
        const store = await openUnreadable(context, one)
        const [first, old] = await collect(store.raw.readAll())
        for (const transactional of [false, true]) {
          for (const isBatch of [false, true]) {
            const seen: unknown[] = []
            let calls = 0
            const handle = ({ data }: RecordedEvent) => void seen.push(data)
            const handleBatch = (events: readonly RecordedEvent[]) => {
              calls++
              for (const event of events) handle(event)
            }
            const name = `${transactional} ${isBatch}`
            const handler = isBatch ? { handleBatch } : { handle }
            // It waits for no retry: the outcome would be the same.
            const onError = { retries: 5, backoff: 60_000 }
            const work = store.runOnce({ name, transactional, onError, ...handler })
            const failed = await refused(work, 'subscription-failed', { position: old?.position as number })
            const { reason, schemaVersion } = one
            await refused(Promise.reject(failed.cause), 'unreadable-event', { reason, schemaVersion })
            assert.deepEqual(seen, [{ number: 1 }], name)
            assert.equal(calls, isBatch ? 1 : 0, name)
            assert.equal((await store.subscriptionStatus(name))?.checkpoint, first?.position, name)
          }
        }
      },
    }),
  ),
  ...unreadables
    .filter((one) => !needsNewer(one))
    .map(
      (one): ConformanceCase => ({
        group,
        name: `park ${one.name} if the policy says so, and handle what follows`,
        needs: one.needs,
        async run(context) {
          const store = await openUnreadable(context, one)
          const [, old] = await collect(store.raw.readAll())
          const position = old?.position as number
          for (const transactional of [false, true]) {
            const { handled, handle } = collector()
            const name = `${transactional}`
            const once = await store.runOnce({ name, transactional, onError: { action: 'park' }, handle })
            assert.deepEqual([once.handled, once.parked], [2, 1])
            assert.deepEqual(
              handled.map(({ data }) => data),
              [{ number: 1 }, { number: 3 }],
            )
            const parked = store.parked(name)
            const [record] = await collect(parked.list())
            assert.deepEqual([record?.position, record?.type, record?.failures], [position, 'Old', 0])
            assert.match(record?.error ?? '', /^UnreadableEventError: .*'Old'/)
            await refused(parked.show(position), 'unreadable-event', { reason: one.reason })
            assert.equal(await parked.retry(position), 1)
            const again = await store.runOnce({ name, transactional, onError: { action: 'park' }, handle })
            assert.deepEqual([again.handled, again.parked], [0, 1])
          }
        },
      }),
    ),
  ...unreadables.filter(needsNewer).map(
    (one): ConformanceCase => ({
      group,
      name: `leave ${one.name} to a newer process, which handles it and what follows`,
      needs: one.needs,
      async run(context) {
        const store = await openUnreadable(context, one)
        const [first] = await collect(store.raw.readAll())
        const older = collector()
        const states: SubscriptionState[] = []
        const isOutdated = latch()
        const onError = { retries: 0, action: 'park' } as const
        await using subscription = store.subscribe({
          name: 's',
          onError,
          handle: older.handle,
          onStateChange(state, { error }) {
            states.push(state)
            if (state !== 'outdated') return
            assert.ok(String(error).startsWith('UnreadableEventError'), String(error))
            isOutdated.release()
          },
        })
        await isOutdated.released
        const { state, checkpoint, parked, owners } = await subscription.status()
        assert.deepEqual([state, checkpoint, parked, owners], ['outdated', first?.position, 0, []])

        const newer = await openNewer(context)
        const { handled, handle } = collector()
        const { caughtUp } = await newer.runOnce({ name: 's', onError, handle })
        assert.equal(caughtUp, true)
        assert.deepEqual(
          [...older.handled, ...handled].map(({ data }) => data),
          [{ number: 1 }, { number: 2 }, { number: 3 }],
        )
        assert.equal(handled.length, 2)

        const counts = projection({
          name: 'counts',
          key: ({ streamId }: RecordedEvent) => streamId,
          initialState: (): unknown[] => [],
          evolve: (seen, { data }) => [...seen, data],
        })
        const projectionIsOutdated = latch()
        await using projecting = store.subscribe({
          projection: counts,
          onStateChange: (state) => void (state === 'outdated' && projectionIsOutdated.release()),
        })
        await projectionIsOutdated.released
        assert.deepEqual((await store.view(counts).get('a'))?.state, [{ number: 1 }])
        assert.equal((await newer.runOnce({ projection: counts })).caughtUp, true)
        assert.deepEqual((await newer.view(counts).get('a'))?.state, [
          { number: 1 },
          { number: 2 },
          { number: 3 },
        ])
        assert.equal((await projecting.status()).parked, 0)
        assert.ok(!states.includes('failed') && !states.includes('parking'), states.join())
      },
    }),
  ),
]
