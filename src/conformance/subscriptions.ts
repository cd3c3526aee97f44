/** Cases of subscriptions: where they begin, which events they get in which order, and where they resume. */
import assert from 'node:assert/strict'
import { hasCode } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import type { EventStore } from '../store.ts'
import type { SubscribeOptions } from '../subscription/subscription.ts'
import { balances, balancesOf, deposit, viewedBalances } from './balances.ts'
import type { ConformanceCase } from './case.ts'
import { collect, counted, eventOfType, identified, logOf, numbersOf, range } from './events.ts'
import { allAtOnce, latch, refused } from './expect.ts'
import { checkFeed, type FeedEvent, runFeedScenario } from './feed-scenario.ts'

const group = 'subscriptions'

/** Starts a subscription that collects the events it handles. */
function subscribeAndCollect(
  store: EventStore,
  options: Partial<SubscribeOptions> & { readonly name: string },
) {
  const handled: RecordedEvent[] = []
  const subscription = store.subscribe({
    handle: (event: RecordedEvent) => void handled.push(event),
    ...options,
  } as SubscribeOptions)
  return { handled, subscription }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}

export const subscriptionCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'store soon that they have passed over events, however long their poll interval is',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(3))
      const options = { name: 's', types: ['Other'], pollInterval: 3_600_000, handle() {} }
      const { caughtUp } = await store.runOnce(options, { timeout: 10_000 })
      assert.equal(caughtUp, true)
      await using running = store.subscribe(options)
      await store.append('a', counted(3, 4))
      await running.caughtUp({ timeout: 10_000 })
    },
  },
  {
    group,
    name: 'delivers all recorded and all new events in order and once, and resumes at the checkpoint',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(30))
      const first = subscribeAndCollect(store, { name: 's' })
      await store.append('b', counted(10, 31))
      await first.subscription.caughtUp()
      assert.deepEqual(numbersOf(first.handled), range(1, 40))
      await first.subscription.stop()
      await store.append('a', counted(5, 41))
      const second = subscribeAndCollect(store, { name: 's' })
      await second.subscription.caughtUp()
      assert.deepEqual(numbersOf(second.handled), range(41, 45))
      const { state, lag, lagTime, parked, owners, checkpoint, lastPosition } =
        await second.subscription.status()
      assert.deepEqual(
        { state, lag, lagTime, parked, owners },
        { state: 'live', lag: 0, lagTime: 0, parked: 0, owners: [second.subscription.worker] },
      )
      assert.equal(checkpoint, lastPosition)
      await second.subscription.stop()
      assert.deepEqual((await store.subscriptionStatus('s'))?.owners, [])
      assert.equal(await store.subscriptionStatus('unknown'), undefined)
    },
  },
  {
    group,
    name: 'delivers every later event to a subscription that has caught up at the end of an empty log',
    async run({ open }) {
      const store = await open()
      const first = subscribeAndCollect(store, { name: 'end', from: 'end' })
      await first.subscription.caughtUp()
      await first.subscription.stop()
      await store.append('a', counted(3))
      const second = subscribeAndCollect(store, { name: 'end', from: 'end' })
      await second.subscription.caughtUp()
      assert.deepEqual(numbersOf(second.handled), range(1, 3))
      await second.subscription.stop()
    },
  },
  {
    group,
    name: 'begins a subscription at the end, after a position, or at a time',
    async run({ open }) {
      const store = await open()
      const { positions } = await store.append('a', counted(5))
      await new Promise((resolve) => setTimeout(resolve, 20))
      const { recordedAt } = await store.append('b', counted(5, 6))
      const end = subscribeAndCollect(store, { name: 'end', from: 'end' })
      const starts = [
        subscribeAndCollect(store, { name: 'position', from: { after: positions[2] as number } }),
        subscribeAndCollect(store, { name: 'moment', from: recordedAt as Date }),
        subscribeAndCollect(store, { name: 'future', from: new Date(Date.now() + 100_000) }),
      ]
      // Each subscription must have its start before the next append.
      for (const { subscription } of [end, ...starts]) await subscription.caughtUp({ position: 0 })
      await store.append('c', counted(2, 11))
      for (const { subscription } of [end, ...starts]) await subscription.caughtUp()
      assert.deepEqual(numbersOf(end.handled), [11, 12])
      assert.deepEqual(
        starts.map(({ handled }) => numbersOf(handled)),
        [range(4, 12), range(6, 12), [11, 12]],
      )
      for (const { subscription } of [end, ...starts]) await subscription.stop()
    },
  },
  {
    group,
    name: 'filters events by type, stream and tags, and moves the checkpoint past the other events',
    async run({ open }) {
      const store = await open()
      await store.append('order-1', [
        eventOfType('A'),
        eventOfType('B'),
        { ...eventOfType('A'), tags: ['x', 'y'] },
      ])
      await store.append('other', [
        { ...eventOfType('A'), tags: ['x'] },
        { ...eventOfType('B'), tags: ['y', 'x', 'z'] },
      ])
      const filters = [
        subscribeAndCollect(store, { name: 'types', types: ['B'] }),
        subscribeAndCollect(store, { name: 'prefix', streamPrefix: 'order-' }),
        subscribeAndCollect(store, { name: 'tags', tags: ['x', 'y'] }),
        subscribeAndCollect(store, { name: 'none', types: ['Never'] }),
      ]
      const { position } = await store.append('last', [eventOfType('C')])
      for (const { subscription } of filters) await subscription.caughtUp()
      const named = filters.map(({ handled }) =>
        handled.map(({ type, version, streamId }) => `${streamId} ${version} ${type}`),
      )
      assert.deepEqual(named, [
        ['order-1 2 B', 'other 2 B'],
        ['order-1 1 A', 'order-1 2 B', 'order-1 3 A'],
        ['order-1 3 A', 'other 2 B'],
        [],
      ])
      for (const { subscription } of filters) {
        assert.equal((await subscription.status()).checkpoint, position)
        await subscription.stop()
      }
      assert.equal((await collect(store.readAll({ tags: ['x', 'y'] }))).length, 2)
    },
  },
  {
    group,
    name: 'skips, repeats and reorders nothing while transactions commit late, roll back and overtake each other',
    needs: ['open-transactions', 'shared-data'],
    async run(context) {
      const [store, other] = [await context.open(), await context.open()]
      let started = 0
      const readers = [store, other].map(
        (where) =>
          async function* (signal: AbortSignal): AsyncGenerator<FeedEvent> {
            const queue: RecordedEvent[] = []
            await using _subscription = where.subscribe({
              name: `reader-${started++}`,
              handle: (event) => void queue.push(event),
            })
            while (!signal.aborted) {
              for (let event = queue.shift(); event !== undefined; event = queue.shift()) yield event
              await new Promise((resolve) => setTimeout(resolve, 1))
            }
          },
      )
      for (const { recorded, ...faults } of await runFeedScenario(context, store, readers as never)) {
        assert.deepEqual(faults, { missed: 0, repeated: 0, phantom: 0, reordered: 0, disordered: 0 })
        assert.ok(recorded > 200)
      }
    },
  },
  {
    group,
    name: 'keeps the order of each stream in partitions, and delivers each event once',
    async run({ open }) {
      const store = await open()
      const { handled, subscription } = subscribeAndCollect(store, {
        name: 's',
        partitions: 4,
        batchSize: 10,
      })
      const committed: string[] = []
      await allAtOnce(8, async (writer) => {
        for (const _ of range(1, 10)) {
          const events = identified(3)
          await store.append(`s${writer}`, events)
          committed.push(...events.map(({ id }) => id))
        }
      })
      await subscription.caughtUp()
      const perStream = new Map<string, number>()
      for (const { streamId, version } of handled) {
        assert.equal(version, (perStream.get(streamId) ?? 0) + 1)
        perStream.set(streamId, version)
      }
      const sorted = handled.toSorted((a, b) => a.position - b.position)
      assert.equal(checkFeed(new Set(committed), sorted).missed, 0)
      assert.equal(handled.length, 240)
      await subscription.stop()
      const other = await refused(
        store.runOnce({ name: 's', partitions: 3, handle() {} }),
        'subscription-failed',
      )
      assert.ok(hasCode(other.cause, 'subscription-mismatch'))
    },
  },
  {
    group,
    name: 'shares the partitions among the workers of a subscription, and moves them when a worker stops',
    needs: ['shared-data'],
    async run({ open }) {
      const [one, two] = [await open(), await open()]
      await one.append('a', counted(1))
      // Long enough for a slow machine. A worker that loses its lease would cause events to be handled again.
      const options = { name: 's', partitions: 4, leaseTime: 3_000 }
      const first = subscribeAndCollect(one, options)
      await first.subscription.caughtUp()
      const second = subscribeAndCollect(two, options)
      const owners = async () =>
        new Set((await one.subscriptionStatus('s'))?.partitions.map(({ owner }) => owner))
      while ((await owners()).size < 2 || (await owners()).has(undefined))
        await new Promise((resolve) => setTimeout(resolve, 10))
      await allAtOnce(20, (index) => one.append(`s${index}`, counted(2)))
      await first.subscription.caughtUp()
      assert.equal(first.handled.length + second.handled.length, 41)
      assert.ok(second.handled.length > 0)
      await first.subscription.stop()
      await allAtOnce(20, (index) => one.append(`s${index}`, counted(1)))
      await second.subscription.caughtUp()
      assert.equal(first.handled.length + second.handled.length, 61)
      await second.subscription.stop()
    },
  },
  {
    group,
    name: 'waits for the handler, one event at a time, and stops when it has finished',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(3))
      const gate = latch()
      const begun: number[] = []
      const subscription = store.subscribe({
        name: 's',
        async handle({ version }) {
          begun.push(version)
          await gate.released
        },
      })
      await until(() => begun.length > 0)
      const stopped = subscription.stop()
      gate.release()
      await stopped
      await subscription.done
      assert.deepEqual(begun, [1])
      const { handled } = subscribeAndCollect(store, { name: 's' })
      await until(() => handled.length === 2)
      assert.deepEqual(numbersOf(handled), [2, 3])
    },
  },
  {
    group,
    name: 'stops without waiting for a handler that never returns, and delivers its event again',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(2))
      for (const transactional of [false, true]) {
        let signal: AbortSignal | undefined
        const subscription = store.subscribe({
          name: 's',
          version: transactional ? 2 : 1,
          transactional,
          handle(_event, context) {
            signal = context.signal
            return new Promise(() => {})
          },
        })
        await until(() => signal !== undefined)
        await subscription.stop({ timeout: 20 })
        assert.equal(signal?.aborted, true)
      }
      const { handled, subscription } = subscribeAndCollect(store, {
        name: 's',
        version: 3,
      })
      await subscription.caughtUp()
      assert.deepEqual(numbersOf(handled), [1, 2])
      await subscription.stop()
    },
  },
  {
    group,
    name: 'stops a subscription at any moment, more than once, and when the store is closed',
    async run({ open }) {
      const store = await open()
      const none = subscribeAndCollect(store, { name: 'none' })
      await none.subscription.stop()
      await Promise.all([none.subscription.stop(), none.subscription.stop()])
      await none.subscription.done
      await store.append('a', counted(500))
      for (const delay of [0, 1, 3, 10, 30]) {
        const { subscription } = subscribeAndCollect(store, { name: 's', batchSize: 10 })
        await new Promise((resolve) => setTimeout(resolve, delay))
        await subscription.stop()
      }
      const failing = store.subscribe({ name: 'failing', handle: () => Promise.reject(new Error('no')) })
      await new Promise((resolve) => setTimeout(resolve, 30))
      await failing.stop()
      await failing.done
      const last = subscribeAndCollect(store, { name: 's' })
      await store.close()
      await last.subscription.done
      await refused(() => store.subscribe({ name: 's', handle() {} }), 'store-closed')
    },
  },
  {
    group,
    name: 'handles the recorded events with runOnce, and returns',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(25))
      const handled: RecordedEvent[] = []
      const options = { name: 's', handle: (event: RecordedEvent) => void handled.push(event) }
      const first = await store.runOnce(options)
      const rest = { parked: 0, checkpoint: 0, caughtUp: true, paused: false }
      assert.deepEqual({ ...first, checkpoint: 0 }, { handled: 25, ...rest })
      assert.deepEqual((await store.runOnce(options)).handled, 0)
      await store.append('a', counted(3))
      assert.equal((await store.runOnce(options)).handled, 3)
      const slow = { name: 'slow', handle: () => new Promise<void>((resolve) => setTimeout(resolve, 50)) }
      const part = await store.runOnce(slow, { timeout: 700 })
      assert.equal(part.caughtUp, false)
      assert.ok(part.handled > 0 && part.handled < 28)
      assert.deepEqual((await store.subscriptionStatus('slow'))?.owners, [])
    },
  },
  {
    group,
    name: 'reports the lag and the workers of a subscription when a caller waits in vain',
    async run({ open }) {
      const store = await open()
      const { position } = await store.append('a', counted(3))
      const error = await refused(
        store.view(balances).get('a', { atLeast: position, timeout: 20 }),
        'subscription-behind',
        { subscription: 'balances', position, checkpoint: 0, owners: [] },
      )
      assert.match(error.message, /behind, and no worker runs it/)
      const gate = latch()
      const subscription = store.subscribe({ name: 's', handle: () => gate.released })
      const behind = await refused(subscription.caughtUp({ timeout: 200 }), 'subscription-behind', {
        position,
      })
      assert.deepEqual(behind.owners, [subscription.worker])
      gate.release()
      await subscription.caughtUp()
      await subscription.stop()
    },
  },
  {
    group,
    name: 'folds each event into an async projection once, and lets a view wait for an append',
    async run({ open }) {
      const store = await open()
      const subscription = store.subscribe({ projection: balances, batchSize: 7 })
      await allAtOnce(10, async (caller) => {
        for (const call of range(1, 5))
          await store.append(`s${caller}`, [deposit(`a${call}`, caller), deposit('all', 1)])
      })
      const { position } = await store.append('s', [deposit('mine', 5)])
      assert.equal((await store.view(balances).get('mine', { atLeast: position }))?.state.balance, 5)
      await subscription.stop()
      assert.deepEqual(await viewedBalances(store), await balancesOf(store))
      await store.append('s', [deposit('mine', 5)])
      await store.runOnce({ projection: balances })
      assert.deepEqual(await viewedBalances(store), await balancesOf(store))
    },
  },
  {
    group,
    name: 'refuses wrong options during the call of subscribe',
    async run({ open }) {
      const store = await open()
      const bad: [string, object][] = [
        ['name', { name: '' }],
        ['name', { name: '$own' }],
        ['handle', { handle: undefined }],
        ['from', { from: 'middle' }],
        ['from', { from: -1 }],
        ['partitions', { partitions: 0 }],
        ['batchSize', { batchSize: 1.5 }],
        ['types', { types: [] }],
        ['tags[0]', { tags: [''] }],
        ['transactional', { transactional: 'yes' }],
        ['onError.retries', { onError: { retries: -1 } }],
        ['onError.action', { onError: { action: 'ignore' } }],
        ['leaseTime', { leaseTime: 0 }],
        ['handlerTimeout', { handlerTimeout: 0 }],
      ]
      for (const [field, wrong] of bad) {
        await refused(() => store.subscribe({ name: 's', handle() {}, ...wrong } as never), 'invalid-input', {
          field,
        })
      }
      await refused(() => store.subscribe(undefined as never), 'invalid-input', { field: 'options' })
      await refused(() => store.subscribe({ projection: 'x' } as never), 'invalid-input', {
        field: 'projection',
      })
      await refused(() => store.parked(''), 'invalid-input')
      assert.equal(await store.subscriptionStatus('s'), undefined)
    },
  },
  {
    group,
    name: 'begins a subscription at any time, also before the first append',
    async run({ open }) {
      const store = await open()
      const moments = [new Date('0001-01-01T00:00:00Z'), new Date('9999-12-31T23:59:59.999Z')]
      for (const [index, from] of moments.entries()) {
        const handled: number[] = []
        const options = {
          name: `s${index}`,
          from,
          handle: ({ position }: { position: number }) => void handled.push(position),
        }
        assert.equal((await store.runOnce(options)).handled, 0)
        await store.append('a', counted(2))
        await store.runOnce(options)
        assert.deepEqual(
          handled,
          (await logOf(store)).slice(-2).map(({ position }) => position),
        )
      }
    },
  },
]
