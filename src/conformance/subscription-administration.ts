/** Cases of `store.subscriptions`, and of parked events that are retried or skipped by a filter. */
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../event.ts'
import { partitionOf } from '../storage/partition.ts'
import type { EventStore } from '../store.ts'
import type { SubscriptionSummary } from '../subscription/administration.ts'
import { balances, deposit } from './balances.ts'
import type { ConformanceCase } from './case.ts'
import { collect, collector, counted, eventOfType, numbersOf, range } from './events.ts'
import { failure, refused } from './expect.ts'

const group = 'subscription administration'

const summaries = (store: EventStore) => collect(store.subscriptions.list())

/** Waits until a worker, in this process or another one, has heard of a change. */
async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20))
}

export const subscriptionAdministrationCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'ends a call of runOnce when the subscription is paused meanwhile',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(3))
      const handled: RecordedEvent[] = []
      const pausing = store.runOnce({
        name: 's',
        async handle(event, { signal }) {
          handled.push(event)
          if (handled.length > 1) return
          await store.subscriptions.pause('s')
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
        },
      })
      const began = performance.now()
      const { handled: count, caughtUp, paused } = await pausing
      assert.ok(performance.now() - began < 15_000, 'it must not wait for its timeout of 30 s')
      assert.deepEqual([count, caughtUp, paused], [1, false, true])
      await store.subscriptions.resume('s')
      await store.runOnce({ name: 's', handle: (event) => void handled.push(event) })
      assert.deepEqual(numbersOf(handled), range(1, 3))
    },
  },
  {
    group,
    name: 'lists what is registered, in order of the names',
    async run({ open }) {
      const store = await open()
      await store.append('account-1', [deposit('a', 5), deposit('b', 6)])
      await store.runOnce({ name: 'b', types: ['X'], tags: ['t'], partitions: 3, version: 4, handle() {} })
      await store.runOnce({ name: 'a', streamPrefix: 'account', transactional: true, handle() {} })
      await store.runOnce({ projection: balances })
      await store.rebuild(balances)
      await store.runOnce({ name: 'c', from: { after: 'a', otherwise: 'end' }, handle() {} })
      await store.append('account-1', [deposit('a', 7)])
      const found = await summaries(store)
      assert.deepEqual(
        found.map(({ name }) => name),
        ['a', 'b', balances.name, 'c'].toSorted(),
      )
      const byName = new Map(found.map((summary) => [summary.name, summary]))
      const { types, tags, partitions, version, kind, state, lag, owners } = byName.get('b') ?? {}
      assert.deepEqual(
        { types, tags, partitions, version, kind, state, owners },
        {
          types: ['X'],
          tags: ['t'],
          partitions: 3,
          version: 4,
          kind: 'handler',
          state: 'active',
          owners: [],
        },
      )
      assert.ok((lag ?? 0) > 0)
      assert.equal(byName.get('a')?.state, 'superseded')
      assert.equal(byName.get('a')?.successor, 'c')
      assert.equal(byName.get(balances.name)?.kind, 'projection')
    },
  },
  {
    group,
    name: 'returns one subscription as the list has it, or nothing for a name that is not registered',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(2))
      await store.runOnce({ name: 'b', types: ['X'], partitions: 3, handle() {} })
      await store.runOnce({ name: 'a', handle() {} })
      await store.runOnce({ name: 'c', from: { after: 'a', otherwise: 'end' }, handle() {} })
      // The time of a lag passes between two calls.
      const timeless = (summary: SubscriptionSummary | undefined) => summary && { ...summary, lagTime: 0 }
      for (const listed of await summaries(store)) {
        assert.deepEqual(timeless(await store.subscriptions.get(listed.name)), timeless(listed))
      }
      assert.equal((await store.subscriptions.get('b'))?.unowned, 3)
      assert.equal(await store.subscriptions.get('d'), undefined)
    },
  },
  {
    group,
    name: 'lists more subscriptions than one page has',
    async run({ open }) {
      const store = await open()
      const names = range(100, 205).map((number) => `s${number}`)
      await Promise.all(names.map((name) => store.runOnce({ name, handle() {} })))
      assert.deepEqual(
        (await summaries(store)).map(({ name }) => name),
        names,
      )
    },
  },
  {
    group,
    name: 'pauses a subscription in all processes, until it is resumed',
    needs: ['shared-data'],
    async run({ open }) {
      const [store, other] = [await open(), await open()]
      const { handle, handled } = collector()
      const states: string[] = []
      const subscription = store.subscribe({
        name: 's',
        partitions: 2,
        handle,
        onStateChange: (state) => void states.push(state),
      })
      await store.append('a', counted(2))
      await subscription.caughtUp()
      await other.subscriptions.pause('s')
      await eventually(() => states.at(-1) === 'paused')
      assert.deepEqual((await other.subscriptionStatus('s'))?.owners, [])
      await other.append('a', counted(2, 3))
      const late = await other.runOnce({ name: 's', partitions: 2, handle }, { timeout: 20_000 })
      assert.deepEqual([late.handled, late.caughtUp], [0, false])
      assert.equal((await summaries(other))[0]?.state, 'paused')
      assert.deepEqual(numbersOf(handled), [1, 2])
      await other.subscriptions.resume('s')
      await subscription.caughtUp()
      assert.deepEqual(numbersOf(handled), range(1, 4))
      assert.equal((await summaries(other))[0]?.state, 'active')
      await subscription.stop()
    },
  },
  {
    group,
    name: 'moves a subscription forward, and back only if events may be handled again',
    async run({ open }) {
      const store = await open()
      const { positions } = await store.append('a', counted(6))
      const at = (number: number) => ({ after: positions[number - 1] as number })
      const { handle, handled } = collector()
      await store.runOnce({ name: 's', from: at(5), handle })
      await refused(store.subscriptions.move('s', at(2)), 'invalid-input', { field: 'to' })
      assert.equal(await store.subscriptions.move('s', at(4), { again: true }), positions[3])
      await store.runOnce({ name: 's', handle })
      assert.deepEqual(numbersOf(handled), [6, 5, 6])
      await store.append('a', counted(3, 7))
      await store.subscriptions.move('s', 'end')
      await store.append('a', counted(1, 10))
      await store.runOnce({ name: 's', handle })
      assert.deepEqual(numbersOf(handled), [6, 5, 6, 10])
    },
  },
  {
    group,
    name: 'moves only the partitions forward that are not as far yet',
    async run({ open }) {
      const store = await open()
      const behind = 'behind'
      const ahead = range(1, 20)
        .map((number) => `ahead ${number}`)
        .find((stream) => partitionOf(stream, 2) !== partitionOf(behind, 2)) as string
      await store.append(behind, counted(4))
      const { positions } = await store.append(ahead, counted(4))
      const handled: RecordedEvent[] = []
      let isStuck = true
      const options = {
        name: 's',
        partitions: 2,
        handle(event: RecordedEvent): Promise<void> | void {
          if (isStuck && event.streamId === behind) return new Promise(() => {})
          handled.push(event)
        },
      }
      const subscription = store.subscribe(options)
      await eventually(async () => {
        const { partitions = [] } = (await store.subscriptionStatus('s')) ?? {}
        return partitions.some(({ checkpoint }) => checkpoint >= (positions[3] as number))
      })
      await subscription.stop({ timeout: 10 })
      isStuck = false
      await store.subscriptions.move('s', { after: positions[1] as number })
      await store.runOnce(options)
      assert.deepEqual(numbersOf(handled), range(1, 4))
    },
  },
  {
    group,
    name: 'handles parked events once when a subscription moves back before them',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(4))
      const failing = new Set([1, 3])
      const handled: number[] = []
      const options = {
        name: 's',
        onError: { retries: 0, action: 'park' } as const,
        handle({ version }: RecordedEvent) {
          if (failing.has(version)) throw new Error('later')
          handled.push(version)
        },
      }
      await store.runOnce(options)
      const second = (await store.readStream('a')).events[1] as RecordedEvent
      failing.clear()
      await store.subscriptions.move('s', { after: second.position }, { again: true })
      assert.equal(await store.parked('s').retry({}), 1)
      await store.runOnce(options)
      assert.deepEqual(handled.toSorted(), [1, 2, 3, 4, 4])
    },
  },
  {
    group,
    name: 'divides the streams into another number of partitions while workers run, and handles each event once',
    needs: ['shared-data'],
    async run({ open }) {
      const [store, other] = [await open(), await open()]
      const { handle, handled } = collector()
      const options = { name: 's', partitions: 4, transactional: true, handle }
      const workers = [store.subscribe(options), other.subscribe(options)]
      const streams = range(1, 10).map((number) => `s${number}`)
      let version = 0
      for (const partitions of [7, 2, 1, 5]) {
        for (const stream of streams) await store.append(stream, counted(3, version + 1))
        version += 3
        await store.subscriptions.repartition('s', partitions)
        assert.equal((await summaries(other))[0]?.partitions, partitions)
      }
      await workers[0]?.caughtUp()
      // A call of the handler whose transaction was refused is repeated, so the calls are counted by event.
      assert.equal(new Set(handled.map(({ id }) => id)).size, 10 * version)
      const status = await workers[0]?.status()
      assert.equal(status?.partitions.length, 5)
      await Promise.all(workers.map((worker) => worker.stop()))
      // The number of partitions in the code does not count any more.
      await store.append('s1', counted(1))
      assert.equal((await store.runOnce(options)).handled, 1)
    },
  },
  {
    group,
    name: 'removes a subscription, whose workers stop; started later, it begins as a new one',
    needs: ['shared-data'],
    async run({ open }) {
      const [store, other] = [await open(), await open()]
      await store.append('a', counted(2))
      const { handle, handled } = collector()
      const subscription = store.subscribe({ name: 's', handle })
      await subscription.caughtUp()
      const waiting = refused(subscription.caughtUp({ position: 1_000_000 }), 'unknown-subscription')
      await other.subscriptions.remove('s')
      await subscription.done
      await waiting
      assert.equal((await subscription.status()).state, 'removed')
      assert.deepEqual(await summaries(store), [])
      assert.equal(await store.subscriptionStatus('s'), undefined)
      await store.runOnce({ name: 's', types: [counted(1)[0]?.type as string], handle })
      assert.deepEqual(numbersOf(handled), [1, 2, 1, 2])
    },
  },
  {
    group,
    name: 'refuses to change what is not registered, has a successor, or belongs to a projection',
    async run({ open }) {
      const store = await open()
      const { subscriptions } = store
      const calls = (name: string) => [
        () => subscriptions.pause(name),
        () => subscriptions.resume(name),
        () => subscriptions.move(name, 'end'),
        () => subscriptions.repartition(name, 2),
      ]
      for (const call of [...calls('nobody'), () => subscriptions.remove('nobody')]) {
        await refused(call(), 'unknown-subscription', { subscription: 'nobody' })
      }
      await store.append('account-1', [deposit('a', 5)])
      await store.runOnce({ projection: balances })
      for (const call of [...calls(balances.name).slice(2), () => subscriptions.remove(balances.name)]) {
        await refused(call(), 'invalid-input', { field: 'name' })
      }
      await store.runOnce({ name: 'old', handle() {} })
      await store.runOnce({ name: 'new', from: { after: 'old', otherwise: 'end' }, handle() {} })
      for (const call of calls('old')) await refused(call(), 'unknown-subscription', { successor: 'new' })
      await subscriptions.remove('old')
      await store.dropProjection(balances.name)
      await subscriptions.remove(balances.name)
      assert.deepEqual(
        (await summaries(store)).map(({ name }) => name),
        ['new'],
      )
    },
  },
  {
    group,
    name: 'retries and skips parked events by type, stream and error, and counts them',
    async run({ open }) {
      const store = await open()
      const types = ['A', 'B']
      for (const stream of ['x', 'y']) {
        await store.append(
          stream,
          range(1, 6).map((number) => eventOfType(types[number % 2] as string)),
        )
      }
      let isBroken = true
      const handled: string[] = []
      const options = {
        name: 's',
        onError: { retries: 0, action: 'park' } as const,
        handle({ type, streamId }: RecordedEvent) {
          if (isBroken) throw new Error(type === 'A' ? 'ECONNREFUSED' : 'bad address')
          handled.push(`${streamId}${type}`)
        },
      }
      await store.runOnce(options)
      isBroken = false
      const parked = store.parked('s')
      const progress: number[] = []
      const onProgress = ({ count }: { readonly count: number }) => void progress.push(count)
      assert.equal(await parked.retry({ error: 'ECONNREFUSED' }, { onProgress }), 6)
      assert.deepEqual(progress, [6])
      assert.equal(await parked.retry({ type: 'A', streamId: 'x' }), 0, 'they wait for the retry already')
      assert.equal(await parked.skip({ type: 'B', streamId: 'x' }), 3)
      assert.equal(await parked.retry({ type: 'nothing' }), 0)
      await store.runOnce(options)
      assert.deepEqual(handled.toSorted(), ['xA', 'xA', 'xA', 'yA', 'yA', 'yA'])
      assert.equal(await parked.skip({}), 3)
      assert.deepEqual(await collect(parked.list()), [])
      const broken = new Error('the promise of onProgress rejects')
      const rejecting = async () => Promise.reject(broken)
      assert.equal(await failure(parked.retry({}, { onProgress: rejecting })), broken)
      await refused(parked.retry(1_000_000), 'not-parked')
      for (const which of [{}, 7]) await refused(store.parked('nobody').retry(which), 'unknown-subscription')
      await refused(parked.skip({ types: ['A'] } as never), 'invalid-input', { field: 'filter' })
    },
  },
  {
    group,
    name: 'names its workers by host and process',
    async run({ open }) {
      const subscription = (await open()).subscribe({ name: 's', handle() {} })
      assert.match(subscription.worker, /^.+\/\d+\/[0-9a-f]{8}$/)
      await subscription.stop()
    },
  },
  {
    group,
    name: 'names its workers as its option says',
    async run({ open }) {
      const subscription = (await open({ worker: 'web-1' })).subscribe({ name: 's', handle() {} })
      assert.match(subscription.worker, /^web-1\/[0-9a-f]{8}$/)
      await subscription.stop()
    },
  },
]
